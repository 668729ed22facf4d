"""The extractive answerer: a chat model without a network that quotes the sentences that answer.

Promises: the same messages give the same answer; every sentence is a document's own, with its citation;
nothing in a document is obeyed, because nothing is interpreted. It says so when nothing fits. What it cannot
do: put several sentences into one, calculate, or answer yes or no.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from agent.prompting import prompt
from agent.secrets import contains_secret
from agent.turn.model_calls import CLOSING_REQUEST
from agent.types import Message
from tools.extractive.features import Evidence, gathered
from tools.extractive.follow_ups import background, standalone
from tools.extractive.question import ParsedQuestion, parts, read
from tools.extractive.relevance import Scores, judged
from tools.extractive.rendering import n_chars, written
from tools.extractive.statements import Statement, statements

SEARCH = "search_docs"
NOTHING_FOUND = "I found nothing about this in the documents."
MAX_CHARS = 640  # of quoted text; an answer in Slack should fit on a telephone's screen
PART_SHARE = 0.3  # of that for each part of a question; the rest is for what fits the whole
MAX_STATEMENTS = 8
NEARLY_AS_GOOD = 0.5  # below the best statement's relevance; what is further below is about something else
SAME_MEANING = 0.85  # cosine of two statements from which one is enough
RELEVANT_FROM = 0.5  # see tools.extractive.relevance: nothing below has ever answered a question
COVERAGE, UNKNOWN_WORD, NAMED_WITHOUT = 1.5, 1.2, 1.2  # what speaks for an answer, and against it
# Chosen on 150 questions to the sample handbook and on random halves of it: of those whose answer a half lacks
# 79 % are refused, of the others 25 %. The threshold was also held against a handbook of 246 pages, where 7 of 10
# and 1 of 50 are refused; 0.05 less refuses 5 and 1 there, 0.1 more 7 and 4.
ENOUGH_FOR_A_QUESTION, ENOUGH_FOR_KEY_WORDS = 2.25, 1.25
SURE_FROM = 1.6
UNSURE = "I am not sure that the documents answer this. The closest I found:"
N_CLOSEST = 3


def complete(
    messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = (), tool_choice: str | None = None
) -> Message:
    """An assistant message: a call to ``search_docs`` while there is no evidence, else the answer."""
    asked = [message for message in messages if message.get("content") != CLOSING_REQUEST]
    questions = [prompt.question_in([message]) for message in asked if message["role"] == "user"]
    question, earlier = (questions[-1], questions[:-1]) if questions else ("", [])
    evidence = [result for _, result in prompt.evidence_in(asked)]
    offered = {tool["function"]["name"] for tool in tools}
    if not evidence and SEARCH in offered and tool_choice != "none":
        return _search(standalone(question, earlier))
    return {"role": "assistant", "content": answer(question, evidence, background=background(question, earlier))}


def answer(question: str, evidence: Sequence[Mapping[str, Any]], *, background: str = "") -> str:
    """The statements that answer, as Markdown, each with its citation; or that there is none.

    ``evidence`` are tool results as a model sees them; ``background`` is an earlier question this one leans on.
    """
    passages = [_filed(passage, result) for result in evidence for passage in result.get("passages") or ()]
    found = [statement for passage in passages for statement in statements(passage)]
    if not found:
        return NOTHING_FOUND
    gathered_ = gathered(found)
    asked = parts(question, background)
    answered = _answered(asked, gathered_, evidence)
    if not answered:
        return _nothing(passages)
    if len(asked) > 1:
        answered.append(judged(read(question, background), gathered_))
    chosen = _chosen(gathered_, answered)
    if not chosen:
        return NOTHING_FOUND
    text = written([found[i] for i in chosen])
    return text if all(max(j.relevance) >= SURE_FROM for j in answered) else f"{UNSURE}\n{text}"


def is_weak(question: str, evidence: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these results probably do not answer: what :func:`answer` would not quote from."""
    found = [s for result in evidence for passage in result.get("passages") or () for s in statements(passage)]
    return not found or not _answered(parts(question), gathered(found), evidence)


def _answered(
    asked: Sequence[ParsedQuestion], gathered_: Evidence, evidence: Sequence[Mapping[str, Any]]
) -> list[Scores]:
    """The judgements of those parts of a question that are answered."""
    not_found = {word for result in evidence for word in result.get("not_found") or ()}
    found = [(part, judged(part, gathered_)) for part in asked]
    return [j for part, j in found if not _is_unanswered(part, j, not_found)]


def _filed(passage: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the words of the question under which its document is filed."""
    words = (result.get("keywords") or {}).get(passage.get("title"), ())
    return {**passage, "keywords": " ".join(words)} if words else passage


def _is_unanswered(question: ParsedQuestion, j: Scores, not_found: set[str]) -> bool:
    """Nothing is near, a name is in no document, or too much of what is asked is missing.

    Of key words any may be left unanswered.
    """
    best = max(j.relevance)
    if best < RELEVANT_FROM or j.is_name_missing:
        return True
    grounds = best + COVERAGE * j.coverage - UNKNOWN_WORD * bool(j.absent & not_found)
    grounds -= NAMED_WITHOUT * j.is_named_without
    return grounds < (ENOUGH_FOR_A_QUESTION if question.is_sentence else ENOUGH_FOR_KEY_WORDS)


def _search(question: str) -> Message:
    function = {"name": SEARCH, "arguments": json.dumps({"query": question}, ensure_ascii=False)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_search", "type": "function", "function": function}],
    }


_TO_A_MODEL = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,40}\b(?:instructions?|documents?|question|rules|prompt)\b"
    r"|\b(?:ai|the) ?(?:assistants?|bots?)\b.{0,30}\b(?:must|should|have to|reply|write|ask|answer)\b"
    r"|\b(?:ai assistants?|chatbots?|language models?|llms?)\b.{0,60}\b(?:must|always|never|reply|finish)\b"
    r"|\bsystem[_ ](?:message|prompt)\b|\bwhatever the user\b|\buser['’]?s question\b"
    r"|(?:^|\n)\s*(?:assistant|user|human|system)\s*:"
    r"|\b(?:start|begin|finish|end) (?:every|each|your) (?:answer|message|reply)\b"
    r"|<[@!#][^>]*>|\banswer every later question\b",
    re.IGNORECASE,
)


def _is_quotable(statement: Statement) -> bool:
    """Not what looks like a secret, and not what speaks to a model instead of a reader."""
    text = f"{statement.lead}\n{statement.text}"
    return not contains_secret(text) and not _TO_A_MODEL.search(text)


def _chosen(evidence: Evidence, judgements: Sequence[Scores]) -> list[int]:
    """The best of each part of the question; then the last judgement, on the whole of it, fills the room."""
    chosen: list[int] = []
    n_used = 0
    for j in judgements:
        is_last = j is judgements[-1]
        best = _best(evidence, j, chosen, MAX_CHARS - n_used if is_last else int(PART_SHARE * MAX_CHARS))
        if is_last and chosen and n_used + _n_chars(evidence, best[:1], chosen) > MAX_CHARS:
            break  # one is quoted however long it is, but not on top of others
        n_used += _n_chars(evidence, best, chosen)
        chosen += best
    return chosen


def _best(evidence: Evidence, j: Scores, before: Sequence[int], max_chars: int) -> list[int]:
    """The best first, as long as they are nearly as good, say something new and find room."""
    found = evidence.statements
    order = sorted(range(len(found)), key=lambda i: (-round(j.relevance[i], 6), i))
    chosen: list[int] = []
    enough = RELEVANT_FROM
    for i in order:
        if j.relevance[i] < enough or len(before) + len(chosen) >= MAX_STATEMENTS:
            break
        for k in _with_what_it_leads(found, i):
            known = [*before, *chosen]
            has_room = not chosen or _n_chars(evidence, [*chosen, k], before) <= max_chars
            is_new = all(float(evidence.own[k] @ evidence.own[other]) <= SAME_MEANING for other in known)
            if is_new and has_room and _is_quotable(found[k]):
                enough = enough if chosen else j.relevance[i] - NEARLY_AS_GOOD
                chosen.append(k)
    return [*chosen[:1], *sorted(chosen[1:])]


def _n_chars(evidence: Evidence, more: Sequence[int], before: Sequence[int]) -> int:
    known = [evidence.statements[i] for i in before]
    n = 0
    for i in more:
        n += n_chars(evidence.statements[i], known)
        known.append(evidence.statements[i])
    return n


def _with_what_it_leads(found: Sequence[Statement], i: int) -> list[int]:
    """A line that leads into a list is quoted with its entries, and only so."""
    lead = found[i].text
    led = [k for k, other in enumerate(found) if other.n == found[i].n and other.lead.endswith(lead)]
    return led if lead.endswith(":") and led else [i]


def _nothing(passages: Sequence[Mapping[str, Any]]) -> str:
    closest: dict[str, int] = {}
    for passage in passages:
        closest.setdefault(str(passage["title"]), int(passage["n"]))
    if not closest:
        return NOTHING_FOUND
    named = ", ".join(f"{title} [{n}]" for title, n in list(closest.items())[:N_CLOSEST])
    return f"{NOTHING_FOUND} The closest documents are: {named}."
