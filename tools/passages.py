"""Prepares passages for a reader: neighbours are joined, repeats dropped, the whole is bounded."""

from collections.abc import Sequence
from dataclasses import replace

from agent.llm.tokens import estimate_prose_tokens
from agent.types import JsonValue, Passage
from ingest.library import DocumentCondition, Library
from ingest.search.near_duplicates import is_near_duplicate


def make_readable(passages: Sequence[Passage], *, max_tokens: int) -> tuple[Passage, ...]:
    """Returns passages in the given order; a neighbour joins the better of the two.

    A passage that would exceed ``max_tokens`` together with those before it is left out.
    """
    groups: list[list[Passage]] = []
    n_used = 0
    for passage in passages:
        n_new = estimate_prose_tokens(len(passage.text))
        if n_used + n_new > max_tokens or any(
            is_near_duplicate(passage.text, old.text) for group in groups for old in group
        ):
            continue
        n_used += n_new
        group = next((g for g in groups if any(_is_neighbour(passage, old) for old in g)), None)
        if group is None:
            groups.append([passage])
        else:
            group.append(passage)
    return tuple(_join(group) for group in groups)


def describe_documents(
    passages: Sequence[Passage], library: Library
) -> tuple[tuple[Passage, ...], dict[str, JsonValue]]:
    """Returns passages with the day when their document ended, if it has; and what could not be read, by title."""
    conditions = library.find_conditions(passage.document_id for passage in passages)
    known = [(passage, conditions.get(passage.document_id, DocumentCondition())) for passage in passages]
    gaps: dict[str, JsonValue] = {passage.title: one.gap for passage, one in known if one.gap}
    return tuple(replace(passage, expired=one.expired) for passage, one in known), gaps


def find_position(passage: Passage) -> int:
    """Returns the place of a passage in its document, from 0."""
    return int(passage.chunk_id.rpartition("-")[2])


def _is_neighbour(one: Passage, other: Passage) -> bool:
    """Returns whether they are adjacent, under the same heading: a joined passage has one heading to cite."""
    return (
        one.document_id == other.document_id
        and one.heading_path == other.heading_path
        and abs(find_position(one) - find_position(other)) == 1
    )


def _join(group: list[Passage]) -> Passage:
    ordered = sorted(group, key=find_position)
    return replace(group[0], text="\n".join(passage.text for passage in ordered))
