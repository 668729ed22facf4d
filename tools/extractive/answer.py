"""The extractive answerer: a chat model without a network that quotes the sentences that answer.

Promises that the same messages give the same answer; that every sentence is a document's own, with its citation;
that nothing in a document is obeyed, because nothing is interpreted. Where nothing fits it refuses, and says so in
the message's ``is_refusal``; to small talk it says a sentence of its own, and marks it ``is_small_talk``. Cannot
merge sentences, calculate, or answer yes or no.
"""

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from agent.prompting import prompt
from agent.secrets import contains_secret
from agent.translation.speech import join, mark, say_in_answer
from agent.turn import history
from agent.types import CitedPassage, FunctionCall, JsonObject, Message, ToolSchema
from ingest.search.text import words
from tools.extractive import contacts, follow_ups, question, sections, small_talk, small_talk_replies
from tools.extractive.features import Evidence, extract
from tools.extractive.grounds import find_answered
from tools.extractive.question import ParsedQuestion
from tools.extractive.relevance import SUPERSEDED, Scores, asks_how, score
from tools.extractive.rendering import count_chars, render, render_by_page
from tools.extractive.rules import disagreement, taking_up
from tools.extractive.sections import NamedSection
from tools.extractive.small_talk import SmallTalk
from tools.extractive.statements import Statement, list_statements

SEARCH, LIST, READ = "search_docs", "list_documents", "read_document"
THREAD, ATTACHED = "thread_history", "attached_messages"
NOTHING_FOUND = mark("I found nothing about this in the documents.")
NOT_SEARCHED = mark(
    "I could not search the documents just now, so I do not know what they say about this. Please ask again in a "
    "moment."
)
MAX_CHARS = 600  # of quoted text; an answer in Slack should fit on a telephone's screen
PART_SHARE = 0.3  # of that for each part of a question; the rest is for what fits the whole
MAX_STATEMENTS = 8
MAX_UNSURE = 6  # statements of an answer that may not answer
NEARLY_AS_GOOD = 1.2  # log odds below the best statement's; further below is another topic
COMPARED = 2.0  # log odds below the best statement: what other pages say is compared with it down to here
SAME_MEANING = 0.85  # cosine of two statements of which one is enough
SURE_FROM = -2.2  # log odds of the best statement: below it half of the answers were right, in training
UNSURE = mark("I am not sure that the documents answer this. The closest I found:")
OTHERWISE = mark("A page that is no longer in force says otherwise: {title} [{n}].")
NAMES_NOBODY = mark("The pages that I found name nobody to ask: {pages}.")
NO_SUCH_NAMES = mark("No page that I found mentions {names}.")
CLOSEST = mark("The closest documents are: {pages}.")
READ_IN_PART = mark("(read in part: {why})")
OTHER = mark("Another page says otherwise: {title} [{n}].")
OLDER = mark("An older page says otherwise: {title} [{n}].")
DIFFER = mark("Two current pages differ:")
SEVERAL_DIFFER = mark("Several current pages differ:")
N_CLOSEST = 3


@dataclass(frozen=True)
class Quotation:
    """An answer in Markdown, each statement with its citation; ``is_refusal`` when nothing found answers."""

    text: str
    is_refusal: bool = False


def complete(
    messages: Sequence[Message],
    tools: Sequence[ToolSchema] = (),
    tool_choice: str | None = None,
    *,
    examples: Sequence[str] = (),
) -> Message:
    """Returns an assistant message: a call to ``search_docs`` while there is no evidence, else the answer.

    ``tool_choice`` "none" asks for the answer from the evidence there is. ``examples`` are questions to suggest to
    a person who has not asked one. For example, where a search found a
    passage numbered 1::

        complete([{"role": "user", "content": "How many days of leave can I carry over?\\n\\n<evidence …"}])
        {"role": "assistant", "content": "You can carry over 5 days. [1]", "is_refusal": False}
    """
    asked, earlier = _read_questions(messages)
    named_evidence = list(prompt.evidence_in(messages))
    earlier = [*_list_said(named_evidence), *earlier]
    evidence = [result for _, result in named_evidence]
    offered = {tool["function"]["name"] for tool in tools} if tool_choice != "none" else set()
    kind = small_talk.recognise(asked)
    background = follow_ups.find_background(asked, earlier)
    if kind and not (kind is SmallTalk.WHO_TO_ASK and background):
        if small_talk.needs_listing(kind, examples) and LIST in offered and not evidence:
            return _call(LIST, {})
        text = small_talk_replies.reply(kind, examples, evidence)
        return {"role": "assistant", "content": text, "is_small_talk": True}
    if not evidence and SEARCH in offered:
        return _call(SEARCH, {"query": follow_ups.rewrite(asked, earlier)})
    if kind is SmallTalk.WHO_TO_ASK:
        has_read = any(name == READ for name, _ in named_evidence)
        best = next((source for result in evidence for source in _read_passages(result)), None)
        if best and READ in offered and not has_read:
            return _call(READ, {"document": best.passage.document_id})
        quotation = quote_contacts(evidence)
    elif (section := sections.read(asked)) and (quoted := quote_section(section, evidence)):
        quotation = quoted
    else:
        quotation = quote(asked, evidence, background=background)
    return {"role": "assistant", "content": quotation.text, "is_refusal": quotation.is_refusal}


def quote(asked: str, evidence: Sequence[JsonObject], *, background: str = "") -> Quotation:
    """Quotes the statements that answer the question ``asked``, or says that there are none.

    ``evidence`` are tool results as a model sees them; ``background`` is an earlier question this one refers to.
    """
    sources = [(source, result) for result in evidence for source in _read_passages(result)]
    statements = [s for source, result in sources for s in list_statements(source, _keywords(source, result))]
    if not statements:
        return Quotation(_say_nothing(evidence), is_refusal=True)
    parts = question.split(asked, background)
    features = extract(statements, question.choose_language(parts, (s.text for s in statements)))
    answered = find_answered(parts, features, _not_found(evidence))
    if not answered:
        missing = _list_missing_names(parts, features)
        closest = _name_closest([source for source, _ in sources], _gaps(evidence), missing)
        return Quotation(closest, is_refusal=True)
    if len(parts) > 1:
        answered.append(score(question.parse(asked, background), features))
    is_sure = all(max(scores.relevance) >= SURE_FROM for scores in answered)
    chosen = _choose(
        features,
        answered,
        max_statements=MAX_STATEMENTS if is_sure else MAX_UNSURE,
        whole_lists=asks_how(asked),
    )
    if not chosen:
        return Quotation(say_in_answer(NOTHING_FOUND), is_refusal=True)
    verified = _list_verified(evidence)
    text = _render_settled(question.parse(asked, background), features, chosen, answered[-1], verified)
    return Quotation(text if is_sure else f"{say_in_answer(UNSURE)}\n{text}")


def _render_settled(
    asked: ParsedQuestion, evidence: Evidence, chosen: Sequence[int], scores: Scores, verified: Collection[str]
) -> str:
    """Renders what was chosen, with what other pages say against it."""
    statements = evidence.statements
    settled = disagreement.settle(
        asked.whole,
        statements,
        chosen,
        scores.relevance,
        near=COMPARED,
        near_ended=COMPARED + SUPERSEDED,
        is_quotable=_is_quotable,
        verified=verified,
    )
    blocks = [_render_differing([statements[i] for i in group]) for group in settled.differing]
    if settled.chosen:
        is_best = settled.chosen[0] == chosen[0]
        blocks.insert(0 if is_best else len(blocks), render([statements[i] for i in settled.chosen]))
    text = "\n\n".join(blocks)
    for sentence, i in ((OTHERWISE, settled.ended), (OLDER, settled.older), (OTHER, settled.other)):
        if i is not None:
            text += f"\n\n{say_in_answer(sentence, title=statements[i].title, n=statements[i].n)}"
    return text


def _render_differing(statements: Sequence[Statement]) -> str:
    said = say_in_answer(DIFFER if len(statements) == 2 else SEVERAL_DIFFER)
    return "\n".join([said, *render_by_page(statements)])


def quote_contacts(evidence: Sequence[JsonObject]) -> Quotation:
    """Quotes whom the passages found name to ask, or says that they name nobody."""
    sources = [source for result in evidence for source in _read_passages(result)]
    statements = [s for source in sources for s in list_statements(source) if _is_quotable(s)]
    chosen = contacts.find_contacts(statements)
    if chosen:
        return Quotation(render([statements[i] for i in chosen]))
    pages = _list_pages(sources, _gaps(evidence))
    said = say_in_answer(NAMES_NOBODY, pages=pages) if pages else _say_nothing(evidence)
    return Quotation(said, is_refusal=True)


def _say_nothing(evidence: Sequence[JsonObject]) -> str:
    """Says that nothing was found, or that nothing could be looked up, which is another thing."""
    has_failed = bool(evidence) and all("error" in result for result in evidence)
    return say_in_answer(NOT_SEARCHED if has_failed else NOTHING_FOUND)


def quote_section(section: NamedSection, evidence: Sequence[JsonObject]) -> Quotation | None:
    """Quotes what stands under a heading, from its beginning; returns None where it was not found."""
    heading = section.heading.lower()
    sources = [source for result in evidence for source in _read_passages(result)]
    of_section = [s for s in sources if s.passage.heading_path.lower().endswith(heading)]
    chosen: list[Statement] = []
    for statement in (s for source in of_section for s in list_statements(source) if _is_quotable(s)):
        has_room = count_chars(statement, chosen) <= MAX_CHARS - sum(len(one.text) for one in chosen)
        if len(chosen) == MAX_STATEMENTS or not has_room:
            break
        chosen.append(statement)
    return Quotation(render(chosen)) if chosen else None


def _read_passages(result: JsonObject) -> list[CitedPassage]:
    return [prompt.read_passage(shown) for shown in cast("Sequence[JsonObject]", result.get("passages") or ())]


def _list_said(evidence: Sequence[tuple[str, JsonObject]]) -> list[str]:
    """Returns what a question may refer to beside earlier ones: how its thread began, what came with it."""
    said = []
    for name, result in evidence:
        messages = result.get("messages") if name in (THREAD, ATTACHED) else None
        if isinstance(messages, list) and messages and isinstance(messages[0], dict):
            said.append(str(messages[0].get("text") or ""))
    return said


def _read_questions(messages: Sequence[Message]) -> tuple[str, list[str]]:
    """Returns the last question and those before it; in the place of a short one, what it takes up of the answer
    before it."""
    said: list[tuple[str, str]] = []
    for message in messages:
        if message["role"] == "user":
            said.append((prompt.question_in([message]), ""))
        elif message["role"] == "assistant" and said and message.get("content"):
            said[-1] = (said[-1][0], str(message["content"]))
    if not said:
        return "", []
    said[-1] = (question.unquote(said[-1][0]), "")
    *earlier, asked = history.list_questions(said, taking_up.take_up)
    return asked, earlier


def _keywords(source: CitedPassage, result: JsonObject) -> str:
    """Returns the words of the question under which the passage's document is filed."""
    by_title = cast("Mapping[str, Sequence[str]]", result.get("keywords") or {})
    return " ".join(by_title.get(source.passage.title, ()))


def _not_found(evidence: Sequence[JsonObject]) -> set[str]:
    return {word for result in evidence for word in cast("Sequence[str]", result.get("not_found") or ())}


def _list_verified(evidence: Sequence[JsonObject]) -> frozenset[str]:
    """Returns the ids of the documents that are verified answers."""
    told = [cast("Sequence[JsonObject]", result.get("verified") or ()) for result in evidence]
    return frozenset(str(answer.get("document_id")) for answers in told for answer in answers)


def _gaps(evidence: Sequence[JsonObject]) -> dict[str, str]:
    """Returns what could not be read of a document, by its title."""
    gaps: dict[str, str] = {}
    for result in evidence:
        gaps |= cast("Mapping[str, str]", result.get("read_in_part") or {})
    return gaps


def _call(name: str, arguments: JsonObject) -> Message:
    function: FunctionCall = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"call_{name}", "type": "function", "function": function}],
    }


_TO_A_MODEL = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,40}\b(?:instructions?|documents?|question|rules|prompt)\b"
    r"|\b(?:ai|the) ?(?:assistants?|bots?)\b.{0,30}\b(?:must|should|have to|reply|write|ask|answer)\b"
    r"|\b(?:ai assistants?|chatbots?|language models?|llms?)\b.{0,60}\b(?:must|always|never|reply|finish)\b"
    r"|\bsystem[_ ](?:message|prompt)\b|\bwhatever the user\b|\buser['’]?s question\b"
    r"|(?:^|\n)[ \t>*]*(?:assistant|user|human|system)\s*:"
    r"|\b(?:start|begin|finish|end) (?:every|each|your) (?:answer|message|reply)\b"
    r"|<[@!#][^>]*>|\banswer every later question\b",
    re.IGNORECASE,
)


def _is_quotable(statement: Statement) -> bool:
    """Returns False for what looks like a secret, for what addresses a model instead of a reader, and for a line
    that leads to what is not there."""
    text = f"{statement.lead}\n{statement.text}"
    return not (statement.text.endswith(":") or _TO_A_MODEL.search(text) or contains_secret(text))


def _choose(
    evidence: Evidence, answered: Sequence[Scores], *, max_statements: int, whole_lists: bool
) -> list[int]:
    """Chooses the best of each part of the question; then the last scores, on the whole of it, fill the room.

    With ``whole_lists`` the steps of a list are quoted together.
    """
    chosen: list[int] = []
    n_used = 0
    for scores in answered:
        is_last = scores is answered[-1]
        room = MAX_CHARS - n_used if is_last else int(PART_SHARE * MAX_CHARS)
        left = max_statements - len(chosen)
        best = _choose_best(evidence, scores, chosen, max_chars=room, max_statements=left, whole_lists=whole_lists)
        if is_last and chosen and n_used + _count_chars(evidence, best[:1], chosen) > MAX_CHARS:
            break  # one is quoted however long it is, but not on top of others
        n_used += _count_chars(evidence, best, chosen)
        chosen += best
    return chosen


def _choose_best(
    evidence: Evidence,
    scores: Scores,
    before: Sequence[int],
    *,
    max_chars: int,
    max_statements: int,
    whole_lists: bool,
) -> list[int]:
    """Chooses the best first, as long as they are nearly as good, say something new and have room."""
    statements = evidence.statements
    order = sorted(range(len(statements)), key=lambda i: (-round(scores.relevance[i], 6), i))
    chosen: list[int] = []
    enough = -math.inf
    for i in order:
        if scores.relevance[i] < enough or len(chosen) >= max_statements:
            break
        for k in _with_entries(statements, i, max_chars if whole_lists else 0):
            known = [*before, *chosen]
            has_room = not chosen or _count_chars(evidence, [*chosen, k], before) <= max_chars
            is_new = k not in known and all(_says_other(evidence, k, other) for other in known)
            if is_new and has_room and _is_quotable(statements[k]):
                enough = enough if chosen else scores.relevance[i] - NEARLY_AS_GOOD
                chosen.append(k)
    return [*chosen[:1], *sorted(chosen[1:])]


def _says_other(evidence: Evidence, i: int, known: int) -> bool:
    """Returns whether a statement says something else than a known one; rows of one list are alike, and do."""
    one, other = evidence.statements[i], evidence.statements[known]
    is_of_same_list = bool(one.entry) and (one.n, one.lead) == (other.n, other.lead)
    return is_of_same_list or float(evidence.own[i] @ evidence.own[known]) <= SAME_MEANING


def _count_chars(evidence: Evidence, more: Sequence[int], before: Sequence[int]) -> int:
    known = [evidence.statements[i] for i in before]
    n = 0
    for i in more:
        n += count_chars(evidence.statements[i], known)
        known.append(evidence.statements[i])
    return n


def _with_entries(statements: Sequence[Statement], i: int, room: int) -> list[int]:
    """Replaces a line that leads into a list by the list's entries, which are quoted below it, and a step by all
    steps of its list, in their order, if they have room."""
    one = statements[i]
    if one.text.endswith(":"):
        entries = [k for k, other in enumerate(statements) if other.n == one.n and other.lead.endswith(one.text)]
        return entries or [i]
    if not one.step:
        return [i]
    steps = [k for k, other in enumerate(statements) if other.step and (other.n, other.lead) == (one.n, one.lead)]
    n_chars = len(one.lead) + sum(count_chars(statements[k], [one]) for k in steps)
    return steps if n_chars <= room else [i]


def _list_missing_names(parts: Sequence[ParsedQuestion], evidence: Evidence) -> list[str]:
    """Returns the names in the question, as they are written there, that nothing found has."""
    missing = []
    for part in parts:
        absent = score(part, evidence).absent & part.names
        missing += [name for name in question.find_names(part.text) if not absent.isdisjoint(words(name))]
    return list(dict.fromkeys(missing))


def _name_closest(sources: Sequence[CitedPassage], gaps: Mapping[str, str], missing: Sequence[str]) -> str:
    pages = _list_pages(sources, gaps)
    if not pages:
        return say_in_answer(NOTHING_FOUND)
    names = ", ".join(f"“{name}”" for name in missing)
    named = say_in_answer(NO_SUCH_NAMES, names=names) if missing else ""
    return join([say_in_answer(NOTHING_FOUND), named, say_in_answer(CLOSEST, pages=pages)])


def _list_pages(sources: Sequence[CitedPassage], gaps: Mapping[str, str]) -> str:
    pages: dict[str, int] = {}
    for source in sources:
        pages.setdefault(source.passage.title, source.n)
    return ", ".join(
        f"{title} [{n}]" + (f" {say_in_answer(READ_IN_PART, why=gaps[title])}" if title in gaps else "")
        for title, n in list(pages.items())[:N_CLOSEST]
    )
