"""Grounding: whether an answer rests on what the turn found, and what is shown where it does not.

A model that finds nothing begins with a mark, as the instructions ask; the mark is never shown. The mark of small
talk is believed of a text that can be nothing else, where nothing near was found: a document can ask a model for
it, and a model that answers from memory writes it by itself. Where the evidence is weak, text is held back until
it cites something: an answer without a citation would be a guess there, and is replaced. Judges by the fields of
the turn's finished calls, which are the same live and after a restart.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.prompting import citations, prompt
from agent.tools import Tool
from agent.translation import speech
from agent.turn.tool_calls import FinishedCall
from agent.types import CitedPassage, EndReason, Message

NOT_FOUND_MARK = "[not in the documents]"
SMALL_TALK_MARK = "[no documents needed]"
MARKS = (NOT_FOUND_MARK, SMALL_TALK_MARK)
SMALL_TALK_CHARS, SMALL_TALK_SENTENCES = 300, 3  # a longer text is an answer, and needs evidence
NOTHING_FOUND = speech.mark("I found nothing in the documents that answers this.")
N_CLOSEST = 3
_MARK_LINE = re.compile(
    r"^[ \t]*(?:" + "|".join(map(re.escape, MARKS)) + r")[ \t]*(?:\n|$)", re.IGNORECASE | re.MULTILINE
)
_SENTENCE_END = re.compile(r"[.!?…。！？]+(?=\s|\Z)")
_STATEMENT = re.compile(  # figures, addresses, lists, code
    r"\d|[$€£¥%@§`]|://|\bwww\.|\w\.\w|^[ \t]*[-*+|>#][ \t]", re.MULTILINE
)
_URL = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)


@dataclass(frozen=True)
class Verdict:
    """What is shown of a model's text, and why. ``closest`` are passages to name where nothing is cited.

    ``reason`` is ANSWERED, NO_EVIDENCE, WEAK_EVIDENCE, UNCITED or SMALL_TALK.
    """

    text: str
    reason: EndReason
    cited: tuple[CitedPassage, ...] = ()
    closest: tuple[CitedPassage, ...] = ()


def is_weak(finished: Sequence[FinishedCall], tools: Mapping[str, Tool]) -> bool:
    """Returns whether nothing that was found is likely to answer.

    That is: every passage came with a result that its tool called weak, and no other tool returned anything. Where
    nothing was looked up, or every call failed, nothing is known, which is not the same as nothing found.
    """
    if not any(call.outcome.has_data for call in finished):
        return False
    is_near = any(call.outcome.has_passages and not call.outcome.is_weak for call in finished)
    return not is_near and not _has_other_results(finished, tools)


def is_unknown(finished: Sequence[FinishedCall]) -> bool:
    """Returns whether look-ups were begun and every one failed, so that nothing is known of the documents."""
    return bool(finished) and not any(call.outcome.has_data for call in finished)


def judge(
    text: str,
    sources: Iterable[CitedPassage],
    finished: Sequence[FinishedCall],
    tools: Mapping[str, Tool],
) -> Verdict:
    """Judges a model's final text by the passages and results of its turn.

    For example, after one search that found the passage [1] and did not call it weak::

        judge("Five days [1].", [passage], finished, tools).reason  # ANSWERED
        judge("Five days.", [passage], finished, tools).reason  # UNCITED
        judge("[not in the documents]\\nThey do not say.", …).text  # "They do not say."
    """
    by_number = {source.n: source for source in sources}
    shown, mark = strip_marks(citations.normalise(text, by_number))
    cited = tuple(by_number[n] for n in citations.find_cited(shown, by_number))
    closest = _find_closest(by_number.values())
    may_be_small_talk = not finished or (mark == SMALL_TALK_MARK and _found_nothing(finished, tools))
    if may_be_small_talk and mark != NOT_FOUND_MARK and not cited and _says_nothing(shown):
        return Verdict(shown, EndReason.SMALL_TALK)
    if mark == NOT_FOUND_MARK:
        return Verdict(
            shown or speech.say_in_answer(NOTHING_FOUND), EndReason.NO_EVIDENCE, cited, () if cited else closest
        )
    weak = is_weak(finished, tools)
    if cited:
        return Verdict(shown, EndReason.WEAK_EVIDENCE if weak else EndReason.ANSWERED, cited)
    if weak:
        return Verdict(speech.say_in_answer(NOTHING_FOUND), EndReason.NO_EVIDENCE, (), closest)
    if _has_other_results(finished, tools):
        return Verdict(shown, EndReason.ANSWERED)
    return Verdict(shown, EndReason.UNCITED, (), closest)


def _found_nothing(finished: Sequence[FinishedCall], tools: Mapping[str, Tool]) -> bool:
    """Returns whether the model looked nothing up, and what was looked up before it was asked is not near."""
    has_asked = any(call.is_made for call in finished)
    return not has_asked and (is_weak(finished, tools) or not any(call.outcome.has_passages for call in finished))


def _says_nothing(text: str) -> bool:
    """Returns whether a text can be small talk: a few sentences without a figure, an address or a list."""
    is_short = 0 < len(text) <= SMALL_TALK_CHARS and len(_SENTENCE_END.findall(text)) <= SMALL_TALK_SENTENCES
    return is_short and not _STATEMENT.search(text)


def list_result_texts(messages: Sequence[Message]) -> list[str]:
    """Returns what tools returned in the turn, as text, without the URLs that a model put into its own call."""
    texts: list[str] = []
    requested: dict[str, set[str]] = {}
    for message in messages:
        if message["role"] == "user":
            texts += [prompt.result_json(result) for _, result in prompt.opening_evidence(message)]
        for call in message.get("tool_calls") or ():
            requested[call["id"]] = _find_urls(call["function"].get("arguments"))
        if message["role"] == "tool":
            own = requested.get(message["tool_call_id"], set())
            texts.append(_drop_urls(str(message["content"]), own))
    return texts


def _drop_urls(text: str, urls: set[str]) -> str:
    return _URL.sub(lambda match: "" if _normalise(match[0]) in urls else match[0], text)


def _find_urls(arguments: object) -> set[str]:
    """Returns the URLs in a call's arguments, however they were escaped."""
    try:
        plain = json.dumps(json.loads(str(arguments or "{}")), ensure_ascii=False)
    except (ValueError, RecursionError):
        plain = str(arguments)
    return {_normalise(url) for url in _URL.findall(plain)}


def _normalise(url: str) -> str:
    return url.rstrip(".,;:!?*_)").casefold()


def strip_marks(text: str) -> tuple[str, str]:
    """Returns the text without its marks, and the mark it begins with; one on a later line is dropped too.

    >>> strip_marks("[not in the documents]\\nThey do not say.")
    ('They do not say.', '[not in the documents]')
    """
    for mark in MARKS:
        if text.lstrip().lower().startswith(mark):
            return _MARK_LINE.sub("", text.lstrip()[len(mark) :]).lstrip(" \t\r\n:.-—"), mark
    return _MARK_LINE.sub("", text), ""


class TextGate:
    """Lets a streaming text through as soon as it may be shown. ``known`` are the numbers it may cite."""

    def __init__(self, *, weak: bool, known: Sequence[int]) -> None:
        self._is_weak, self._known = weak, set(known)
        self._held_back = ""
        self._is_open = False
        self._has_begun = False
        self._has_mark = True

    def feed(self, piece: str) -> str:
        """Returns what may be shown now, with this piece."""
        if self._is_open:
            return piece
        self._held_back += piece
        if not self._has_begun and not self._begin():
            return ""
        if self._is_weak and not self._cites(piece):
            return ""
        self._is_open = True
        ready, self._held_back = self._held_back, ""
        return ready

    def _cites(self, piece: str) -> bool:
        """Returns whether the text cites something by now; looks only after a piece that may say so."""
        may_cite, self._has_mark = self._has_mark, bool(citations.MARKS.search(piece))
        return (may_cite or self._has_mark) and bool(citations.find_cited(self._held_back, self._known))

    def _begin(self) -> bool:
        """Returns whether the text's beginning is known; strips a mark, and trusts one that says "not found"."""
        start = self._held_back.lstrip().lower()
        if not start or any(mark.startswith(start) for mark in MARKS):
            return False
        text, mark = strip_marks(self._held_back)
        if mark and not text:
            return False
        self._held_back, self._has_begun = text, True
        self._is_weak = self._is_weak and mark != NOT_FOUND_MARK
        return True


def _find_closest(sources: Iterable[CitedPassage]) -> tuple[CitedPassage, ...]:
    best: dict[str, CitedPassage] = {}
    for source in sorted(sources, key=lambda source: (-source.passage.score, source.n)):
        best.setdefault(source.passage.document_id, source)
    return tuple(best.values())[:N_CLOSEST]


def _has_other_results(finished: Iterable[FinishedCall], tools: Mapping[str, Tool]) -> bool:
    """Returns whether a tool that gives more than passages returned something other than an error."""
    pairs = ((tools.get(call.call.name), call.outcome) for call in finished)
    return any(tool and not tool.only_passages and outcome.has_data for tool, outcome in pairs)
