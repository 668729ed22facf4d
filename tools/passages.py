"""Makes passages fit to read: neighbours joined, repeats dropped, the whole bounded."""

from collections.abc import Sequence
from dataclasses import replace

from agent.llm.tokens import estimate_prose_tokens
from agent.types import Passage
from ingest.search.near_duplicates import is_near_duplicate


def readable(passages: Sequence[Passage], *, max_tokens: int) -> tuple[Passage, ...]:
    """In the given order; a neighbour joins the better of the two; what exceeds ``max_tokens`` is left out."""
    kept: list[list[Passage]] = []
    n_used = 0
    for passage in passages:
        n_new = estimate_prose_tokens(len(passage.text))
        if n_used + n_new > max_tokens or any(
            is_near_duplicate(passage.text, old.text) for group in kept for old in group
        ):
            continue
        n_used += n_new
        group = next((g for g in kept if any(_is_neighbour(passage, old) for old in g)), None)
        if group is None:
            kept.append([passage])
        else:
            group.append(passage)
    return tuple(_joined(group) for group in kept)


def _is_neighbour(one: Passage, other: Passage) -> bool:
    """Next to each other under the same heading: a joined passage has one heading to cite."""
    return (
        one.document_id == other.document_id
        and one.heading_path == other.heading_path
        and abs(_position(one) - _position(other)) == 1
    )


def _position(passage: Passage) -> int:
    return int(passage.chunk_id.rpartition("-")[2])


def _joined(group: list[Passage]) -> Passage:
    ordered = sorted(group, key=_position)
    return replace(group[0], text="\n".join(passage.text for passage in ordered))
