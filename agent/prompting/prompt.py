"""What the model reads: the instructions (files with a version) and the person's message with its evidence.

The evidence of the opening calls stands in the person's message as JSON between tags. ``<`` inside the JSON is
escaped, so no document can close the tag.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from agent.types import Message

STANDALONE_TURNS, STANDALONE_CHARS = 4, 600  # of the conversation that a follow-up is read in
_EVIDENCE = re.compile(r"<evidence tool=\"(\w+)\">\n(.*?)\n</evidence>", re.DOTALL)


_VERSION = re.compile(r"\A<!-- version ([\w.-]+) -->\n")


@cache
def system() -> str:
    """The system prompt, ``prompt.md``."""
    return _VERSION.sub("", _file("prompt.md"))


@cache
def standalone() -> str:
    """How a follow-up question is made to stand alone, ``standalone.md``."""
    return _VERSION.sub("", _file("standalone.md"))


@cache
def version() -> str:
    """The system prompt's version, its first line; stored on every turn."""
    found = _VERSION.match(_file("prompt.md"))
    assert found
    return found[1]


@cache
def system_hash() -> str:
    """SHA-256 of both files' texts; stored on every turn."""
    return sha256(f"{system()}\n{standalone()}".encode()).hexdigest()


def result_json(data: Mapping[str, Any]) -> str:
    """A tool result as the model sees it: one JSON object, ``<`` escaped, byte-identical for equal data."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def standalone_messages(history: Sequence[tuple[str, str]], question: str) -> list[Message]:
    """What a model is given to make a follow-up stand alone: the last turns, shortened, and the question."""
    said = [
        {"question": asked[:STANDALONE_CHARS], "answer": answer[:STANDALONE_CHARS]}
        for asked, answer in history[-STANDALONE_TURNS:]
    ]
    given = result_json({"conversation": said, "last_question": question})
    return [{"role": "system", "content": standalone()}, {"role": "user", "content": given}]


def question_message(question: str, evidence: Iterable[tuple[str, Mapping[str, Any]]]) -> Message:
    """The person's message: the question, then the result of each opening call."""
    own = question.replace("<evidence", "< evidence")  # nobody hands in evidence of their own
    parts = [own, *(_tagged(name, result_json(data)) for name, data in evidence)]
    return {"role": "user", "content": "\n\n".join(parts)}


def evidence_message(name: str, result: str) -> Message:
    """A tool's result, as JSON, for a model that knows no tools."""
    return {"role": "user", "content": _tagged(name, result)}


def map_evidence(content: str, change: Callable[[str], str]) -> str:
    """A person's message with the JSON of each piece of evidence changed."""
    return _EVIDENCE.sub(lambda found: _tagged(found[1], change(found[2])), content)


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


def _tagged(name: str, result: str) -> str:
    return f'<evidence tool="{re.sub(r"[^A-Za-z0-9_]", "_", name) or "tool"}">\n{result}\n</evidence>'


@cache
def _file(name: str) -> str:
    return files("agent.prompting").joinpath(name).read_text(encoding="utf-8").strip()
