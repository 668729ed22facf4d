"""Collects the sentences that the code marks or says, as they stand in it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("agent", "ingest", "tools", "bot")
# The functions of agent.translation.speech, by the places of their sentences among the arguments.
SENTENCES = {"mark": (0,), "say": (0,), "say_in_answer": (0,), "say_in": (1,), "say_plural": (0, 1)}

Sentence = str | tuple[str, str]  # one, or those for one thing and for many


def collect(root: Path = ROOT) -> list[Sentence]:
    """Returns every sentence once, in the order of files and lines."""
    paths = sorted(path for package in PACKAGES for path in (root / package).rglob("*.py"))
    found = [one for path in paths for one in find(path.read_text(encoding="utf-8"))]
    return list(dict.fromkeys(found))


def find(source: str) -> list[Sentence]:
    """Returns the sentences of one module, also those within f-strings.

    >>> find('''say_plural("{n} day", "{n} days", n) + f"{say('Hello')}" + say(GREETING)''')
    [('{n} day', '{n} days'), 'Hello']
    """
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return list(_read(sorted(calls, key=lambda call: (call.lineno, call.col_offset))))


def _read(calls: list[ast.Call]) -> Iterator[Sentence]:
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        places = SENTENCES.get(name, ())
        texts = [_text(call.args[place]) for place in places if place < len(call.args)]
        if texts and all(texts):
            yield (texts[0], texts[1]) if len(texts) == 2 else texts[0]


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
