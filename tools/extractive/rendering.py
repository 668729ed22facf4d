"""Statements as the Markdown that is shown: each with its citation, below the line that leads to it.

Promises Markdown that stays whole: a fence stands on lines of its own, inside a list indented like its item.
"""

from collections.abc import Iterator, Sequence

from tools.extractive.statements import Statement

FENCE = "```"


def n_chars(statement: Statement, others: Sequence[Statement]) -> int:
    """How much longer an answer of the others gets by this statement."""
    is_led = any((other.n, other.lead) == (statement.n, statement.lead) for other in others)
    return len(statement.text) + (0 if is_led else len(statement.lead)) + len("- ") + len(" [1]")


def written(chosen: Sequence[Statement]) -> str:
    """Statements under one lead line stand below it; a single sentence stands alone."""
    if len(chosen) == 1:
        return _quoted(chosen[0].lead, chosen[0])
    return "\n".join(line for block in _blocks(chosen) for line in block)


def _blocks(chosen: Sequence[Statement]) -> Iterator[list[str]]:
    leads = dict.fromkeys((statement.n, statement.lead) for statement in chosen)
    for n, lead in leads:
        group = [statement for statement in chosen if (statement.n, statement.lead) == (n, lead)]
        if not lead:
            yield from (_item(_quoted("", statement)) for statement in group)
        elif len(group) == 1:
            yield _item(_quoted(lead, group[0]))
        else:
            yield _item(lead)
            yield from (_item(_quoted("", statement), indent="  ") for statement in group)


def _item(text: str, indent: str = "") -> list[str]:
    first, *rest = text.split("\n")
    return [f"{indent}- {first}", *(f"{indent}  {line}" if line else "" for line in rest)]


def _quoted(lead: str, statement: Statement) -> str:
    text, n = statement.text, statement.n
    if not text.startswith(FENCE):
        return f"{lead} {text} [{n}]".strip()
    return f"{lead}\n\n{text}\n\n[{n}]".strip()
