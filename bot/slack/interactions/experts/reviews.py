"""Whether a verified answer still holds: what its author is asked once something it rests on has changed.

Owns the direct message with its buttons, in both directions, and what a click does to the answer. Promises that an
answer is confirmed only for the documents as they were when its author was asked, and by nobody else.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from agent.store.database import Transaction
from agent.text import cut, shorten
from agent.translation.speech import mark, say
from bot.slack.block_kit import (
    Block,
    Button,
    ButtonsBlock,
    LayoutMessage,
    Message,
    SectionBlock,
    TextMessage,
    mrkdwn,
    plain_text,
)
from bot.slack.reading.foreign_json import to_string
from bot.slack.replies.closing import sources
from bot.slack.replies.closing.sources import SourceEntry
from bot.slack.replies.output_filter import clean_label
from bot.slack.replies.text.markdown import escape, to_mrkdwn
from bot.slack.replies.text.splitting import pack_blocks
from ingest.verified import answers
from ingest.verified.answers import VerifiedAnswer, VerifiedStatus

ACTION = "docent_review"
ANSWER_CHARS = 1_500
MAX_CHANGED = 5  # documents that are named
SECTION_CHARS = 3_000  # Slack's limit
ASKED = mark(
    "Something that your verified answer rests on has changed. I do not use it until you say that it holds."
)
CHANGED = mark("*Changed or gone:* {documents}")
HIDDEN = mark("_(a document that you may not read any more)_")
KEPT = mark("Thank you. I use this answer again.")
WITHDRAWN = mark("Thank you. I do not use this answer any more.")
CHANGED_AGAIN = mark("It has changed once more since I asked. I ask you again in a moment.")
NOT_YOURS = mark("Only the author of this answer can say that.")
GONE = mark("This answer was withdrawn already.")


class Review(StrEnum):
    """What the author says."""

    KEEP = "keep"
    CHANGE = "change"
    WITHDRAW = "withdraw"


LABELS = {Review.KEEP: mark("Still right"), Review.CHANGE: mark("Change"), Review.WITHDRAW: mark("Withdraw")}


@dataclass(frozen=True)
class ReviewClick:
    """Which button was pressed, about which answer, and in which state its documents were when it was shown."""

    review: Review
    answer_id: UUID
    state: str


def build(answer: VerifiedAnswer, *, unreadable: Collection[str]) -> Sequence[Message]:
    """Builds the forms of the message to an author; ``unreadable`` are documents that they may not read, or might
    not when these were there."""
    shown, n_more = cut([one for one in answer.documents if not one.is_same], MAX_CHANGED)
    changed = [_name(answer, one.id, unreadable) for one in shown] + (
        [say("{n} more", n=n_more)] if n_more else []
    )
    asked = f"*{escape(clean_label(answer.question)).replace('*', '∗')}*"
    quoted = "\n".join(to_mrkdwn(shorten(answer.answer, ANSWER_CHARS)))
    said = "\n".join(
        [
            say(ASKED),
            say(CHANGED, documents=", ".join(changed)),
            "",
            asked,
            *(f"> {line}" for line in quoted.split("\n")),
        ]
    )
    sections: list[SectionBlock] = [
        {"type": "section", "text": mrkdwn(part)} for part in pack_blocks([said], SECTION_CHARS)
    ]
    buttons: ButtonsBlock = {"type": "actions", "elements": [_button(review, answer) for review in Review]}
    blocks: list[Block] = [*sections, buttons]
    layout: LayoutMessage = {"blocks": blocks, "text": said}
    plain: TextMessage = {"text": said}
    return [layout, plain]


def parse_click(action_id: object, value: object) -> ReviewClick | None:
    """Reads a click; returns None for a button that is not ours."""
    _, _, review = to_string(action_id).rpartition("_")
    id_, _, state = to_string(value).partition(" ")
    try:
        return ReviewClick(Review(review), UUID(id_), state)
    except ValueError:
        return None


def apply(transaction: Transaction, click: ReviewClick, user_id: str, workspace: str = "") -> str:
    """Does what the author says; returns what to tell them, in English.

    Where many workspaces have installed the app, an author is one of ``workspace`` alone.
    """
    answer = answers.load(transaction, [click.answer_id]).get(click.answer_id)
    if answer is None or answer.status is VerifiedStatus.WITHDRAWN:
        return GONE
    if not answer.is_by(user_id, workspace):
        return NOT_YOURS
    if click.review is Review.WITHDRAW:
        answers.withdraw(transaction, answer.id)
        return WITHDRAWN
    if answer.state_of_documents != click.state:
        answers.ask_again(transaction, answer)
        return CHANGED_AGAIN
    answers.confirm(transaction, answer)
    return KEPT


def _name(answer: VerifiedAnswer, document_id: str, unreadable: Collection[str]) -> str:
    (document,) = (one for one in answer.documents if one.id == document_id)
    if document_id in unreadable:
        return say(HIDDEN)
    return sources.link(SourceEntry(clean_label(document.title), document.url, document.id))


def _button(review: Review, answer: VerifiedAnswer) -> Button:
    button: Button = {
        "type": "button",
        "action_id": f"{ACTION}_{review}",
        "text": plain_text(say(LABELS[review])),
        "value": f"{answer.id} {answer.state_of_documents}",
        "accessibility_label": say(LABELS[review]),
    }
    return {**button, "style": "primary"} if review is Review.KEEP else button
