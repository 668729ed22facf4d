"""Renders statements as Markdown: each with its citation, below the line that leads to it.

Promises Markdown that stays whole: a fence is on lines of its own, inside a list indented like its item.
"""

from collections.abc import Iterator, Sequence

from tools.extractive.statements import Statement

FENCE = "```"


def count_chars(statement: Statement, others: Sequence[Statement]) -> int:
    """Returns how much longer the answer of ``others`` becomes by this statement."""
    has_lead = any((other.n, other.lead) == (statement.n, statement.lead) for other in others)
    return len(statement.text) + (0 if has_lead else len(statement.lead)) + len("- ") + len(" [1]")


def render(chosen: Sequence[Statement]) -> str:
    """Renders statements as a list, those with the same lead line below it; a single one without a list."""
    if len(chosen) == 1:
        return _quote(chosen[0].lead, chosen[0])
    return "\n".join(line for block in _blocks(chosen) for line in block)


def render_by_page(chosen: Sequence[Statement]) -> list[str]:
    """Renders each statement as an item of a list, behind the title of its page."""
    return [line for one in chosen for line in _item(f"{one.title}: {_quote(one.lead, one)}")]


def _blocks(chosen: Sequence[Statement]) -> Iterator[list[str]]:
    leads = dict.fromkeys((statement.n, statement.lead) for statement in chosen)
    for n, lead in leads:
        group = [statement for statement in chosen if (statement.n, statement.lead) == (n, lead)]
        if not lead:
            yield from (_item(_quote("", statement)) for statement in group)
        elif len(group) == 1:
            yield _item(_quote(lead, group[0]))
        else:
            yield _item(lead)
            yield from (_item(_quote("", statement), indent="  ") for statement in group)


def _item(text: str, indent: str = "") -> list[str]:
    first, *rest = text.split("\n")
    return [f"{indent}- {first}", *(f"{indent}  {line}" if line else "" for line in rest)]


def _quote(lead: str, statement: Statement) -> str:
    text, n = statement.text, statement.n
    if not text.startswith(FENCE):
        return f"{lead} {text} [{n}]".strip()
    return f"{lead}\n\n{text}\n\n[{n}]".strip()
