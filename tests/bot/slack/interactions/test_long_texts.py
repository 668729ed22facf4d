"""Messages and forms of clicks are what Slack takes, however long the texts in them are: else a plain form without
buttons would come, or none."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

from bot.simulator.blocks.check import check_blocks
from bot.slack.block_kit import Message
from bot.slack.interactions.experts import request_message, reviews
from bot.slack.interactions.experts.human_requests import HumanRequest
from bot.slack.interactions.feedback import feedback_form
from bot.slack.interactions.feedback.source_reports import SourceFault, StoredReport
from ingest.access import reader_sets
from ingest.verified.answers import RestingDocument, VerifiedAnswer, VerifiedStatus

NOW = datetime(2026, 6, 4, tzinfo=UTC)


def read_blocks(messages: Sequence[Message]) -> list[Any]:
    return cast(Any, messages[0])["blocks"]  # type: ignore[no-any-return]


def test_a_request_with_many_experts_and_a_long_question() -> None:
    request = HumanRequest(uuid4(), uuid4(), "T1", "C1", None, "U1", None, None, None, None, NOW, "&" * 9_000)
    check_blocks(read_blocks(request_message.build(request, [f"S{n:029}" for n in range(50)])))


def test_a_review_of_a_long_answer_that_rests_on_many_documents() -> None:
    url = f"https://handbook.example/{'x' * 1_500}"
    document = RestingDocument(uuid4().hex, "t" * 200, url, reader_sets.NOBODY, is_same=False)
    documents = [replace(document, id=uuid4().hex) for _ in range(30)]
    answer = VerifiedAnswer(
        id=uuid4(),
        turn_id=None,
        question="&" * 500,
        answer="a & b < c\n" * 900,
        author="U1",
        author_name="Ada",
        place={},
        url="",
        own_readers=None,
        status=VerifiedStatus.ACTIVE,
        version=1,
        verified_at=NOW,
        asked_at=None,
        documents=documents,
    )
    blocks = read_blocks(reviews.build(answer, unreadable=()))
    check_blocks(blocks)
    assert len(blocks[-1]["elements"]) == 3


def test_thanks_for_what_was_said_of_documents_with_long_titles() -> None:
    reports = [StoredReport("t & u " * 200, SourceFault.WRONG, "U1") for _ in range(10)]
    check_blocks(list(feedback_form.build_thanks(reports)["blocks"]))
