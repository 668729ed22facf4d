"""What a report and a reminder say, in Slack's markup and in the terminal.

Promises what :mod:`bot.slack.replies.output_filter` promises of titles: questions, titles and front matter are
written by anybody, and nothing in them is live, notifies somebody or looks like a secret.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from agent.text import shorten
from agent.translation import dates
from agent.translation.speech import mark, say, say_plural
from bot.record.reports.documents import DocumentFigures
from bot.record.reports.questions import AskedCounts, QuestionGroup
from bot.record.reports.report import Report
from bot.slack.block_kit import Block, LayoutMessage, Message, TextMessage, mrkdwn
from bot.slack.replies.closing import ages, sources
from bot.slack.replies.closing.sources import SourceEntry
from bot.slack.replies.output_filter import clean_label, escape_url, is_web_url
from bot.slack.replies.text.markdown import escape
from bot.slack.replies.text.splitting import pack_blocks
from ingest.documents.upkeep import EXPIRES_EXAMPLE, REVIEW_EXAMPLE, Staleness

QUESTION_CHARS = 200
SECTION_CHARS = 3_000  # Slack's limit
NOTHING_ASKED = mark("No question was asked in this time.")
WRITE_IT_DOWN = mark("Write the answer into a document: the next sync reads it.")
SEE_WHAT_WAS_WRONG = mark(
    "`docent sessions list --rating down` lists the answers, `docent sessions show` what was said of them."
)
SAY_HOW_LONG = mark(
    "Bring them up to date, or say in the front matter how long they hold: `review_in` ({review_in}) after "
    "`updated`, or `expires` ({expires})."
)
EXAMPLES = {"review_in": REVIEW_EXAMPLE, "expires": EXPIRES_EXAMPLE}
NAME_AN_OWNER = mark(
    "Name an owner, who hears of it at once: `owner_slack` in the front matter, or in docent.toml."
)
REMINDER = mark("You are named as the owner of documents that I answer from. These need a look:")
REMINDER_END = mark(
    "I write once a month at most. If somebody else looks after them now, change `owner_slack`: it stands in "
    "their front matter, or in docent.toml."
)


@dataclass(frozen=True)
class ReportPart:
    """A part of a report: lines below a title, and what can be done about them."""

    title: str
    lines: Sequence[str]
    advice: str = ""


Format = Callable[[DocumentFigures], str]


def to_message(report: Report, zone: ZoneInfo) -> Sequence[Message]:
    """Returns the forms of the message for a channel."""
    lead = f"*{_describe_time(report, zone)}*\n{describe_counts(report.asked)}"
    groups = [f"• {_quote_for_slack(one)}" for one in report.groups]
    return _to_forms([lead, *map(_format_part, _make_parts(report, groups, _link))])


def to_lines(report: Report, zone: ZoneInfo) -> Iterator[str]:
    """Yields the lines for the terminal."""
    yield _describe_time(report, zone)
    yield describe_counts(report.asked)
    if report.asked.n_private:
        yield f"Not answered and asked in private, so not shown: {report.asked.n_private:,}."  # in the terminal
    groups = [line for one in report.groups for line in _quote_for_terminal(one)]
    for part in _make_parts(report, groups, _name):
        yield from ("", part.title, *(f"  {line}" for line in part.lines))
        if part.advice:
            yield f"  {part.advice}"


def to_reminder(documents: Sequence[DocumentFigures], n_more: int) -> Sequence[Message]:
    """Returns the forms of the message for an owner."""
    lines = [f"• {_link(one)}  ·  {_join(_describe_down(one), _describe_stale(one))}" for one in documents]
    more = [say("… and {n} more", n=n_more)] if n_more else []
    end = "\n".join([say(SAY_HOW_LONG, **EXAMPLES), say(REMINDER_END)])
    return _to_forms([say(REMINDER), "\n".join([*lines, *more]), end])


def describe_counts(asked: AskedCounts) -> str:
    """Says in a sentence how many questions there were, and how many the documents did not answer."""
    if not asked.n_asked:
        return say(NOTHING_ASKED)
    questions = say_plural("{n} question was asked", "{n} questions were asked", asked.n_asked)
    if not asked.n_unanswered:
        return say("{questions}, and none was left without an answer from the documents.", questions=questions)
    return say("{questions}; the documents did not answer {n}.", questions=questions, n=asked.n_unanswered)


def describe_staleness(staleness: Staleness) -> str:
    """Says why a document may be out of date."""
    if staleness.expired:
        return say("expired {when}", when=ages.describe_days(staleness.expired))
    if staleness.review:
        return say("due for review since {day}", day=dates.name_date(staleness.review))
    if staleness.changed:
        return say("last changed {when}", when=ages.describe_days(staleness.changed))
    mistake = clean_label(staleness.mistake)
    return say("its front matter says “{mistake}”, which I cannot read", mistake=mistake)


def _make_parts(report: Report, groups: Sequence[str], format_: Format) -> Iterator[ReportPart]:
    if groups:
        yield ReportPart(say("Not answered by the documents"), groups, say(WRITE_IT_DOWN))
    if report.most_used:
        lines = [_join(format_(one), _describe_use(one)) for one in report.most_used]
        yield ReportPart(say("Used most"), lines)
    if report.most_down_voted:
        lines = [f"{format_(one)}  ·  {_describe_down(one)}" for one in report.most_down_voted]
        yield ReportPart(say("Rated 👎 most"), lines, say(SEE_WHAT_WAS_WRONG))
    if report.reported:
        lines = [f"{format_(one)}  ·  {_describe_faults(one)}" for one in report.reported]
        yield ReportPart(say("Said to be out of date or wrong, with nobody to tell"), lines, say(NAME_AN_OWNER))
    if report.stale:
        lines = [f"{format_(one)}  ·  {_describe_stale(one)}" for one in report.stale]
        yield ReportPart(say("Cited, and perhaps out of date"), lines, say(SAY_HOW_LONG, **EXAMPLES))


def _describe_time(report: Report, zone: ZoneInfo) -> str:
    since, until = (_describe_day(moment.astimezone(zone)) for moment in (report.since, report.until))
    return say("What people asked from {since} to {until}", since=since, until=until)


def _describe_day(moment: datetime) -> str:
    return dates.name_date(moment)


def _describe_use(document: DocumentFigures) -> str:
    return say_plural("cited in {n} answer", "cited in {n} answers", document.n_answers)


def _describe_down(document: DocumentFigures) -> str:
    if not document.n_down:
        return ""
    return say_plural(
        "{n_down} 👎 on {n} answer", "{n_down} 👎 on {n} answers", document.n_answers, n_down=document.n_down
    )


def _describe_faults(document: DocumentFigures) -> str:
    faults = ((document.n_wrong, mark("wrong")), (document.n_outdated, mark("out of date")))
    return ", ".join(f"{say(fault)} ({_count_readers(n)})" for n, fault in faults if n)


def _count_readers(n: int) -> str:
    return say_plural("{n} reader", "{n} readers", n)


def _describe_stale(document: DocumentFigures) -> str:
    return describe_staleness(document.staleness) if document.staleness else ""


def _clean_question(group: QuestionGroup) -> str:
    return shorten(clean_label(group.text), QUESTION_CHARS)


def _clean_title(document: DocumentFigures) -> str:
    return clean_label(document.title) or clean_label(document.uri)


def _times(n: int) -> str:
    return say_plural("once", "{n} times", n)


def _quote_for_slack(group: QuestionGroup) -> str:
    links = ", ".join(f"<{escape(link)}|{n}>" for n, link in enumerate(group.links, 1))
    return _join(f"“{escape(_clean_question(group))}”", _times(group.n), links)


def _quote_for_terminal(group: QuestionGroup) -> Iterator[str]:
    yield _join(f"“{_clean_question(group)}”", _times(group.n))
    yield from (f"    {link}" for link in group.links or [f"docent sessions show {group.session_id}"])


def _name(document: DocumentFigures) -> str:
    """Returns the title with where the document is, for the terminal."""
    where = escape_url(document.url) if is_web_url(document.url) else clean_label(document.uri)
    return f"{_clean_title(document)} ({where})"


def _link(document: DocumentFigures) -> str:
    return sources.link(SourceEntry(_clean_title(document), document.url, document.id))


def _format_part(part: ReportPart) -> str:
    lines = (line if line.startswith("•") else f"• {line}" for line in part.lines)
    return "\n".join(filter(None, [f"*{part.title}*", *lines, escape(part.advice)]))


def _to_forms(parts: Iterable[str]) -> Sequence[Message]:
    """Returns sections, and the same as text alone for where Slack takes no blocks."""
    texts = list(parts)
    sections = pack_blocks(texts, SECTION_CHARS)
    blocks: list[Block] = [{"type": "section", "text": mrkdwn(section)} for section in sections]
    layout: LayoutMessage = {"blocks": blocks, "text": texts[0].replace("*", "")}
    plain: TextMessage = {"text": "\n\n".join(texts)}
    return [layout, plain]


def _join(*parts: str) -> str:
    return "  ·  ".join(filter(None, parts))
