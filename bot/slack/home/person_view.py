"""The part of the Home tab that everybody sees: how to ask, what is indexed, their questions and their ratings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.text import cut, shorten
from agent.translation.speech import mark, say, say_plural
from agent.types import EndReason, TurnStatus
from bot.slack.home import layout
from bot.slack.home.freshness import ReadableSource
from bot.slack.home.layout import HomeBlock
from bot.slack.home.own_questions import OwnQuestion, OwnRating, Place
from bot.slack.replies.closing import ages
from bot.slack.replies.output_filter import clean_label, escape_url
from bot.slack.replies.text.markdown import escape

MAX_SOURCES = 20
QUESTION_CHARS, COMMENT_CHARS, NAME_CHARS = 110, 160, 60
HOW_TO_ASK = (
    mark("*How to ask*"),
    mark("• Mention me in a channel that I am in, or write to me under *Messages*."),
    mark("• `/ask` and your question: only you see the answer, and may share it."),
    mark("• *Ask Docent about this* in the menu of any message asks about that message."),
    mark("• In a thread ask on without mentioning me. *Show how* below an answer says how it came about."),
    mark("• `{command} help` has the rest."),
)
NO_SOURCES = mark("No documents that you may read have been read in yet.")
UNKNOWN = mark("I could not look up in Slack what you may read. Open this tab again in a minute.")
NO_QUESTIONS = mark("You have not asked me anything yet.")
NO_RATINGS = mark("Below an answer you can say with 👍 or 👎 whether it helped.")
THUMBS = {1: "👍", -1: "👎"}
OUTCOMES = {
    EndReason.NO_EVIDENCE: mark("not in the documents"),
    EndReason.WEAK_EVIDENCE: mark("hardly in the documents"),
    EndReason.NOT_SEARCHED: mark("not searched"),
    EndReason.STOPPED: mark("stopped"),
    EndReason.NOT_ALLOWED: mark("not answered there"),
    EndReason.TOO_LONG: mark("too long"),
    EndReason.SMALL_TALK: "",
    EndReason.GREETING: "",
}


@dataclass(frozen=True)
class PersonPage:
    """What a person is shown. ``sources`` is None where it is not known what they may read."""

    sources: Sequence[ReadableSource] | None
    questions: Sequence[OwnQuestion]
    ratings: Sequence[OwnRating]
    workspace_url: str
    command: str


def build(page: PersonPage, at: datetime) -> list[HomeBlock]:
    """Builds the blocks."""
    questions = [_format_question(one, page.workspace_url, at) for one in page.questions]
    ratings = [_format_rating(one, page.workspace_url, at) for one in page.ratings]
    return [
        layout.header(say("Ask the company's documents")),
        layout.section(say(line, command=page.command) for line in HOW_TO_ASK),
        layout.divider(),
        *build_sources(page.sources, at),
        layout.divider(),
        layout.section([say("*Your questions of late*"), *(questions or [say(NO_QUESTIONS)])]),
        layout.divider(),
        layout.section([say("*Your feedback*"), *(ratings or [say(NO_RATINGS)])]),
    ]


def build_sources(sources: Sequence[ReadableSource] | None, at: datetime) -> list[HomeBlock]:
    """Builds the list of what a person may read."""
    title = say("*What I can answer from*, of what you may read")
    if sources is None:
        return [layout.section([title, say(UNKNOWN)])]
    shown, n_more = cut(sources, MAX_SOURCES)
    lines = [_format_source(one, at) for one in shown]
    lines += [say("… and {n} more", n=n_more)] if n_more else []
    return [layout.section([title, *(lines or [say(NO_SOURCES)])])]


def link(text: str, place: Place, workspace_url: str) -> str:
    """Returns a text in Slack's markup that leads to a message, where it has an address."""
    label = escape(text).replace("|", "¦")
    address = place.link(workspace_url)
    return f"<{escape_url(address)}|{label}>" if address else label


def say_name(name: str) -> str:
    """Returns the name of a source in Slack's markup."""
    return escape(shorten(clean_label(name), NAME_CHARS))


def _format_source(source: ReadableSource, at: datetime) -> str:
    synced = say("synced {when}", when=ages.describe_moment(source.synced_at, at)) if source.synced_at else ""
    return _join(
        f"• *{say_name(source.name)}*", say_plural("{n} document", "{n} documents", source.n_documents), synced
    )


def _format_question(one: OwnQuestion, workspace_url: str, at: datetime) -> str:
    asked = shorten(clean_label(one.question), QUESTION_CHARS) or say("(a message)")
    rating = THUMBS[one.rating] if one.rating else ""
    when = ages.describe_moment(one.asked_at, at)
    return _join(f"• {link(asked, one.place, workspace_url)}", _say_outcome(one), rating, when)


def _say_outcome(one: OwnQuestion) -> str:
    if one.status in (TurnStatus.QUEUED, TurnStatus.RUNNING):
        return say("_being answered_")
    if one.error_id:
        return say("failed, error id `{id}`", id=one.error_id)
    said = next((said for reason, said in OUTCOMES.items() if reason == one.reason), mark("answered"))
    return say(said) if said else ""


def _format_rating(one: OwnRating, workspace_url: str, at: datetime) -> str:
    question = shorten(clean_label(one.question), QUESTION_CHARS) or say("an answer to somebody else")
    comment = shorten(clean_label(one.comment), COMMENT_CHARS)
    said = f"“{escape(comment)}”" if comment else ""
    rated = ages.describe_moment(one.rated_at, at)
    return _join(f"• {THUMBS[one.rating]} {link(question, one.place, workspace_url)}", said, rated)


def _join(*parts: str) -> str:
    return "  ·  ".join(filter(None, parts))
