"""What the model reads: the system prompt (a file with a version) and the person's message with its evidence.

The evidence of the opening calls stands in the person's message as JSON between tags. ``<`` inside the JSON is
escaped, so no document can close the tag.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

Message = dict[str, Any]

_EVIDENCE = re.compile(r"<evidence tool=\"(\w+)\">\n(.*?)\n</evidence>", re.DOTALL)


@cache
def system() -> str:
    """The system prompt, ``prompt.md``."""
    return files("agent").joinpath("prompt.md").read_text(encoding="utf-8").strip()


@cache
def system_hash() -> str:
    """SHA-256 of the system prompt; stored on every turn."""
    return sha256(system().encode()).hexdigest()


def result_json(data: Mapping[str, Any]) -> str:
    """A tool result as the model sees it: one JSON object, ``<`` escaped, byte-identical for equal data."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def question_message(question: str, evidence: Iterable[tuple[str, Mapping[str, Any]]]) -> Message:
    """The person's message: the question, then the result of each opening call."""
    parts = [question]
    parts += [f'<evidence tool="{name}">\n{result_json(data)}\n</evidence>' for name, data in evidence]
    return {"role": "user", "content": "\n\n".join(parts)}


def question_in(messages: Sequence[Message]) -> str:
    """The last question a person asked, without its evidence."""
    for message in reversed(messages):
        if message["role"] == "user":
            return _EVIDENCE.sub("", str(message["content"])).strip()
    return ""


def evidence_in(messages: Sequence[Message]) -> list[tuple[str, dict[str, Any]]]:
    """Tool name and result of every call since the last question, opening calls first."""
    start = max((i for i, m in enumerate(messages) if m["role"] == "user"), default=0)
    found: list[tuple[str, dict[str, Any]]] = []
    names: dict[str, str] = {}
    for message in messages[start:]:
        if message["role"] == "user":
            found += [(name, json.loads(body)) for name, body in _EVIDENCE.findall(str(message["content"]))]
        for call in message.get("tool_calls") or ():
            names[call["id"]] = call["function"]["name"]
        if message["role"] == "tool":
            found.append((names.get(message["tool_call_id"], ""), json.loads(message["content"])))
    return found
