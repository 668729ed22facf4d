"""The extractive answerer: a chat model without a network that quotes the sentences that answer.

Promises: the same messages give the same answer; every sentence is a document's own, with its citation;
nothing in a document is obeyed, because nothing is interpreted. It says so when nothing fits. What it cannot
do: put several sentences into one, calculate, or answer yes or no.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from agent import prompt
from agent.loop import CLOSING_REQUEST
from agent.prompt import Message
from tools.question import Question, read
from tools.relevance import Judged, judged
from tools.standalone import background, standalone
from tools.statements import Statement, statements

SEARCH = "search_docs"
NOTHING_FOUND = "I found nothing about this in the documents."
MAX_CHARS = 640  # of quoted text; an answer in Slack should fit on a telephone's screen
MAX_STATEMENTS = 8
NEARLY_AS_GOOD = 0.8  # of the best statement's relevance: below, a statement is about something else
SAME_MEANING = 0.85  # cosine of two statements from which one is enough
RELEVANT_FROM = 0.85  # see tools.relevance: nothing below has ever answered a question
RELEVANT_WITHOUT_A_WORD_FROM = 2.15  # when a word of the question is missing
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
    passages = [passage for result in evidence for passage in result.get("passages") or ()]
    found = [statement for passage in passages for statement in statements(passage)]
    if not found:
        return NOTHING_FOUND
    asked = read(question, background)
    everything = judged(asked, found)
    not_found = {word for result in evidence for word in result.get("not_found") or ()}
    if _is_unanswered(asked, everything, not_found):
        return _nothing(passages)
    written = _written(_chosen(everything))
    return written if max(everything.relevance) >= SURE_FROM else f"{UNSURE}\n{written}"


def _is_unanswered(question: Question, everything: Judged, not_found: set[str]) -> bool:
    """Nothing is near; or a word the question turns on is in no document; or it is not where it should be."""
    best = max(everything.relevance)
    if best < RELEVANT_FROM or everything.missing & not_found:
        return True
    return bool(everything.missing) and question.is_sentence and best < RELEVANT_WITHOUT_A_WORD_FROM


def _search(question: str) -> Message:
    function = {"name": SEARCH, "arguments": json.dumps({"query": question}, ensure_ascii=False)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_search", "type": "function", "function": function}],
    }


_SECRET = re.compile(
    r"\b(?:AKIA[0-9A-Z]{12,}|gh[opsu]_\w{20,}|xox[abeprs]-[\w-]{10,}|sk-[\w-]{16,}|eyJ[\w-]{10,}\.[\w-]{10,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\b(?:password|passwort|secret|token|api[ _-]?key)\s*(?:is|[:=])[:\s]*[a-z]\S*\d\S*",
    re.IGNORECASE,
)
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
    return not _SECRET.search(text) and not _TO_A_MODEL.search(text)


def _chosen(everything: Judged) -> list[Statement]:
    """The best first, as long as they are nearly as good, say something new and find room."""
    order = sorted(range(len(everything.relevance)), key=lambda i: (-round(everything.relevance[i], 6), i))
    chosen: list[int] = []
    n_chars = 0
    for i in order:
        statement = everything.statements[i]
        enough = NEARLY_AS_GOOD * everything.relevance[chosen[0]] if chosen else RELEVANT_FROM
        if everything.relevance[i] < enough or len(chosen) == MAX_STATEMENTS:
            break
        n_more = _n_chars(statement, [everything.statements[j] for j in chosen])
        is_new = all(float(everything.vectors[i] @ everything.vectors[j]) <= SAME_MEANING for j in chosen)
        if is_new and (not chosen or n_chars + n_more <= MAX_CHARS) and _is_quotable(statement):
            chosen.append(i)
            n_chars += n_more
    return [everything.statements[i] for i in (*chosen[:1], *sorted(chosen[1:]))]


def _n_chars(statement: Statement, chosen: Sequence[Statement]) -> int:
    is_led = any(other.lead == statement.lead for other in chosen)
    return len(statement.text) + (0 if is_led else len(statement.lead)) + len("- ") + len(" [1]")


def _written(chosen: Sequence[Statement]) -> str:
    """Statements under one lead line stand below it; a single sentence stands alone."""
    if not chosen:
        return NOTHING_FOUND
    if len(chosen) == 1:
        return _cited(f"{chosen[0].lead} {chosen[0].text}".strip(), chosen[0].n)
    lines: list[str] = []
    leads = dict.fromkeys((statement.n, statement.lead) for statement in chosen)
    for n, lead in leads:
        group = [statement for statement in chosen if (statement.n, statement.lead) == (n, lead)]
        if lead and len(group) == 1:
            lines.append(f"- {_cited(f'{lead} {group[0].text}', n)}")
            continue
        lines += [f"- {lead}"] if lead else []
        lines += [f"{'  ' if lead else ''}- {_cited(statement.text, n)}" for statement in group]
    return "\n".join(lines)


def _cited(text: str, n: int) -> str:
    return f"{text}\n[{n}]" if text.endswith("```") else f"{text} [{n}]"


def _nothing(passages: Sequence[Mapping[str, Any]]) -> str:
    closest: dict[str, int] = {}
    for passage in passages:
        closest.setdefault(str(passage["title"]), int(passage["n"]))
    if not closest:
        return NOTHING_FOUND
    named = ", ".join(f"{title} [{n}]" for title, n in list(closest.items())[:N_CLOSEST])
    return f"{NOTHING_FOUND} The closest documents are: {named}."
