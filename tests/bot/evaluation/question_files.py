"""Question files for tests, and the type of the fixture that evaluates them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import Result

Evaluate = Callable[..., Result]

QUESTIONS: list[dict[str, Any]] = [
    {
        "id": "leave",
        "question": "How many days can I carry over?",
        "relevant": ["p/leave.md"],
        "facts": [["5 days"]],
    },
    {"id": "yeti", "question": "Who feeds the yeti?", "unanswerable": True},
]


def write_lines(folder: Path, *lines: Any, name: str = "questions.jsonl") -> Path:
    """Writes a file of JSON lines; a line that is text is written as it is."""
    path = folder / name
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path
