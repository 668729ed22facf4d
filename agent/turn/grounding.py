"""Grounding: whether an answer stands on what was found in its turn, and what is said where it does not.

A model that finds nothing begins with a mark, as the instructions ask; the mark is never shown. Where the evidence
is weak, text is held back until it cites something: an answer that cites nothing then would be a guess, and is
replaced.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.prompting import citations, prompt
from agent.store.trace import Transcript
from agent.tools import Tool
from agent.types import CitedPassage, Message

WEAK = "is_weak"  # what a tool says of passages that probably do not answer
NOT_FOUND_MARK = "[not in the documents]"
SMALL_TALK_MARK = "[no documents needed]"
MARKS = (NOT_FOUND_MARK, SMALL_TALK_MARK)
SMALL_TALK_CHARS = 500  # more is an answer, and needs its grounds
NOTHING_FOUND = "I found nothing in the documents that answers this."
N_CLOSEST = 3
_MARK_LINE = re.compile(
    r"^[ \t]*(?:" + "|".join(map(re.escape, MARKS)) + r")[ \t]*(?:\n|$)", re.IGNORECASE | re.MULTILINE
)
_URL = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)


@dataclass(frozen=True)
class Verdict:
    """What is shown of a model's text, and why: ``reason`` is ``answered``, ``no_evidence``, ``weak_evidence``,
    ``uncited`` or ``small_talk``; ``closest`` are passages to name where nothing is cited."""

    text: str
    reason: str
    cited: tuple[CitedPassage, ...] = ()
    closest: tuple[CitedPassage, ...] = ()


def is_weak(transcript: Transcript, tools: Mapping[str, Tool]) -> bool:
    """Nothing that was found is likely to answer: whatever a tool found it called weak, and no other returned
    anything."""
    results = [result for _, result in _results(transcript.messages)]
    if results and all("error" in result for result in results):
        return False  # nothing was found out, which is not the same as nothing found
    is_near = any(result.get("passages") and not result.get(WEAK) for result in results)
    return not is_near and not _has_other_results(transcript.messages, tools)


def verdict(text: str, transcript: Transcript, tools: Mapping[str, Tool]) -> Verdict:
    """Judges a model's final text."""
    shown, mark = unmarked(text)
    by_number = {source.n: source for source in transcript.sources.values()}
    cited = tuple(by_number[n] for n in citations.cited(shown, by_number))
    closest = _closest(transcript.sources.values())
    if mark == SMALL_TALK_MARK and not cited and 0 < len(shown) <= SMALL_TALK_CHARS:
        return Verdict(shown, "small_talk")
    if mark == NOT_FOUND_MARK:
        return Verdict(shown or NOTHING_FOUND, "no_evidence", cited, () if cited else closest)
    weak = is_weak(transcript, tools)
    if cited:
        return Verdict(shown, "weak_evidence" if weak else "answered", cited)
    if weak:
        return Verdict(NOTHING_FOUND, "no_evidence", (), closest)
    if _has_other_results(transcript.messages, tools):
        return Verdict(shown, "answered")
    return Verdict(shown, "uncited", (), closest)


def results(messages: Sequence[Message]) -> list[str]:
    """What tools returned in the turn, as text; without the URLs that only repeat what a model put into its
    call."""
    found: list[str] = []
    given: dict[str, set[str]] = {}
    for message in messages:
        if message["role"] == "user":
            found += [prompt.result_json(result) for _, result in prompt.evidence_in([message])]
        for call in message.get("tool_calls") or ():
            given[call["id"]] = _addresses(call["function"].get("arguments"))
        if message["role"] == "tool":
            echoed = given.get(message["tool_call_id"], set())
            text = str(message["content"])
            found.append(_URL.sub(lambda url, echoed=echoed: "" if _bare(url[0]) in echoed else url[0], text))  # type: ignore[misc]
    return found


def _addresses(arguments: object) -> set[str]:
    """The URLs in a call's arguments, however they were written."""
    try:
        plain = json.dumps(json.loads(str(arguments or "{}")), ensure_ascii=False)
    except (ValueError, RecursionError):
        plain = str(arguments)
    return {_bare(url) for url in _URL.findall(plain)}


def _bare(url: str) -> str:
    return url.rstrip(".,;:!?*_)").casefold()


def unmarked(text: str) -> tuple[str, str]:
    """The text without the mark it begins with, and the mark; one on a line of its own further down goes too."""
    for mark in MARKS:
        if text.lstrip().lower().startswith(mark):
            return _MARK_LINE.sub("", text.lstrip()[len(mark) :]).lstrip(" \t\r\n:.-—"), mark
    return _MARK_LINE.sub("", text), ""


class TextGate:
    """Lets a streaming text through as soon as it may be shown. ``known`` are the numbers it may cite."""

    def __init__(self, *, weak: bool, known: Sequence[int]) -> None:
        self._is_weak, self._known = weak, set(known)
        self._held = ""
        self._is_open = False
        self._is_begun = False

    def feed(self, piece: str) -> str:
        """What may be shown now."""
        if self._is_open:
            return piece
        self._held += piece
        if not self._is_begun and not self._begin():
            return ""
        if self._is_weak and not citations.cited(self._held, self._known):
            return ""
        self._is_open = True
        ready, self._held = self._held, ""
        return ready

    def _begin(self) -> bool:
        """Whether it is known what the text begins with; the mark is taken off, and what it says is believed."""
        start = self._held.lstrip().lower()
        if not start or any(mark.startswith(start) for mark in MARKS):
            return False
        text, mark = unmarked(self._held)
        if mark and not text:
            return False
        self._held, self._is_begun = text, True
        self._is_weak = self._is_weak and mark != NOT_FOUND_MARK
        return True


def _closest(sources: Iterable[CitedPassage]) -> tuple[CitedPassage, ...]:
    best: dict[str, CitedPassage] = {}
    for source in sorted(sources, key=lambda source: (-source.passage.score, source.n)):
        best.setdefault(source.passage.document_id, source)
    return tuple(best.values())[:N_CLOSEST]


def _has_other_results(messages: Sequence[Message], tools: Mapping[str, Tool]) -> bool:
    """Whether a tool that gives more than passages returned something that is no error."""
    found = ((tools.get(name), result) for name, result in _results(messages))
    return any(tool and not tool.only_passages and "error" not in result for tool, result in found)


def _results(messages: Sequence[Message]) -> list[tuple[str, dict[str, Any]]]:
    """Tool name and result of every call of the turn, opening calls first."""
    return prompt.evidence_in(messages)
