"""A session's questions are answered in order, and each turn ends visibly, whatever happens in it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from rq import Queue
from sqlalchemy import text

from agent.errors import ReplyError
from agent.store import revisions
from agent.store.database import Database, Transaction
from agent.tools import ToolContext, ToolResult, tool
from agent.turn.config import OpeningCall
from agent.types import Audience
from bot import jobs
from bot.jobs import answering
from bot.jobs.answers import progress
from bot.jobs.context import WorkerContext
from bot.slack.inbox import ReplyAddress
from bot.slack.membership.audience import SeenBy
from bot.slack.replies.reply import Answer
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.bot.jobs.conftest import Ask, RecordingReply
from tests.scripted_model import Call, Say, ScriptedModel


def turns(database: Database, columns: str = "status, reason") -> list[tuple[Any, ...]]:
    with database.transaction() as transaction:
        return [tuple(row) for row in transaction.execute(text(f"SELECT {columns} FROM turns ORDER BY seq, id"))]


def update(database: Database, changes: str) -> None:
    with database.transaction() as transaction:
        transaction.execute(text(f"UPDATE turns SET {changes}"))


def place(database: Database, turn_id: UUID) -> None:
    """Stores that a question was asked by a command in a channel."""
    with database.transaction() as transaction:
        transaction.execute(
            text("INSERT INTO deliveries (id, key, turn_id, place) VALUES (:id, 'k', :id, CAST(:place AS jsonb))"),
            {"id": turn_id, "place": '{"team_id": "T", "channel": "C", "user_id": "U"}'},
        )


def refuse(*, is_transient: bool, times: int = 1) -> Callable[[Answer], None]:
    """Fails the first deliveries, as a Slack that is away or refuses."""
    failures = iter(range(times))

    def deliver(answer: Answer) -> None:
        if next(failures, None) is not None:
            raise ReplyError("scripted", is_transient=is_transient)

    return deliver


def woken(turn_queue: Queue) -> list[str]:
    return [str(job.args[0]) for job in turn_queue.get_jobs()]


def test_the_questions_of_a_session_are_answered_in_order(context: WorkerContext, ask: Ask) -> None:
    stored = [ask(question) for question in ("First?", "Second?")]
    replies: dict[UUID, RecordingReply] = {}
    answering.work(context, stored[0].session_id, lambda turn: replies.setdefault(turn.id, RecordingReply()))
    assert list(replies) == [question.turn_id for question in stored]
    assert turns(context.database) == [("completed", "answered")] * 2
    (answer,) = replies[stored[0].turn_id].answers
    assert "5 days [[1]](https://handbook.example/leave)" in answer.text
    assert [source.n for source in answer.sources] == [1]


def test_what_happens_in_a_turn_is_shown_and_recorded(
    context: WorkerContext, ask: Ask, model: ScriptedModel
) -> None:
    reply = RecordingReply()
    answering.work(context, ask().session_id, lambda turn: reply)
    assert [card.status for card in reply.cards] == ["in_progress", "complete"]
    assert reply.statuses == [answering.FIRST_STATUS, "is working…"]
    assert "".join(reply.texts).startswith("You can carry over")
    assert turns(context.database, "model, index_version") == [("openai/scripted", "7")]


def test_what_the_model_made_up_is_never_shown(context: WorkerContext, ask: Ask, model: ScriptedModel) -> None:
    model.script = lambda request: Say("See https://evil.example/x and <!channel> [1], [77].")
    reply = RecordingReply()
    answering.work(context, ask().session_id, lambda turn: reply)
    shown = "".join(reply.texts) + reply.answers[0].text
    assert "evil.example" not in shown
    assert "<!channel>" not in shown
    assert "77" not in shown


def test_narration_is_not_part_of_the_answer(context: WorkerContext, ask: Ask, model: ScriptedModel) -> None:
    lines: list[Call | Say] = [
        Call([("look_up", {"query": "x"})], text="Let me look that up."),
        Say("You have 5 days [1]."),
    ]
    model.script = lambda request: lines[len(model.requests) - 1]
    reply = RecordingReply()
    answering.work(context, ask().session_id, lambda turn: reply)
    assert "Let me look" not in reply.answers[0].text


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [("  ", "Ask me something about", "greeting"), ("x" * 9_000, "Your question is longer than", "too_long")],
)
def test_what_is_no_question_is_answered_without_the_model(  # noqa: PLR0917
    context: WorkerContext, ask: Ask, model: ScriptedModel, question: str, answer: str, reason: str
) -> None:
    reply = RecordingReply()
    answering.work(context, ask(question).session_id, lambda turn: reply)
    assert reply.answers[0].text.startswith(answer)
    assert not reply.answers[0].has_feedback
    assert turns(context.database, "reason") == [(reason,)]
    assert model.requests == []


def test_a_bug_ends_the_turn_with_an_id_to_quote(context: WorkerContext, ask: Ask) -> None:
    def deliver(answer: Answer) -> None:
        if answer.sources:
            raise RuntimeError("a bug")

    reply = RecordingReply(deliver)
    answering.work(context, ask().session_id, lambda turn: reply)
    ((status, reason, error_id),) = turns(context.database, "status, reason, error_id")
    assert (status, reason) == ("failed", "error")
    assert f"quote *{error_id}*" in reply.answers[0].text


def test_a_turn_that_nobody_waits_for_ends_unseen(context: WorkerContext, ask: Ask) -> None:
    answering.work(context, ask().session_id)  # from a terminal that is gone: no address
    assert turns(context.database) == [("failed", "undeliverable")]


def test_an_answer_that_slack_does_not_take_now_is_delivered_later_without_asking_the_model_again(
    context: WorkerContext, ask: Ask, model: ScriptedModel, turn_queue: Queue
) -> None:
    stored = ask()
    reply = RecordingReply(refuse(is_transient=True))
    answering.work(context, stored.session_id, lambda turn: reply)
    assert turns(context.database, "status, attempt, run_after > now()") == [("running", 0, True)]
    assert woken(turn_queue) == []  # the clock does, when it is time
    update(context.database, "run_after = now()")
    answering.work(context, stored.session_id, lambda turn: reply)
    assert turns(context.database) == [("completed", "answered")]
    assert (len(reply.answers), len(model.requests)) == (1, 1)


@dataclass
class Audiences:
    """Whoever is there."""

    audience: Audience
    error: ReplyError | None = None

    def refresh(self, transaction: Transaction) -> None:
        """There are no events here."""

    def resolve(self, address: ReplyAddress) -> SeenBy:
        return SeenBy(address.audience if self.error else self.audience, error=self.error)


STAFF = Audience((frozenset({"everyone", "group:S1"}),))


@pytest.fixture
def audiences() -> Audiences:
    return Audiences(STAFF)


@pytest.fixture
def restricted(context: WorkerContext, audiences: Audiences) -> WorkerContext:
    """In which only staff may read what is found."""

    def find_unreadable(transaction: Any, ids: Iterable[str], audience: Audience) -> frozenset[str]:
        return frozenset() if audience.includes(STAFF) else frozenset(ids)

    agent = replace(context.agent, find_unreadable=find_unreadable)
    return replace(context, agent=agent, audiences=audiences)  # type: ignore[arg-type]


@pytest.mark.parametrize("comes_in", [True, False])
def test_who_comes_in_while_it_is_answered_is_not_shown_what_they_may_not_read(
    restricted: WorkerContext, audiences: Audiences, ask: Ask, model: ScriptedModel, *, comes_in: bool
) -> None:
    def answer(request: Any) -> Say:
        audiences.audience = Audience() if comes_in else STAFF
        return Say("You can carry over 5 days [1].")

    model.script = answer
    stored = ask()
    place(restricted.database, stored.turn_id)
    reply = RecordingReply()
    answering.work(restricted, stored.session_id, lambda turn: reply)
    (shown,) = reply.answers
    assert (shown.text == answering.NOT_FOR_ALL) == comes_in
    assert ("5 days" in shown.text) != comes_in


def test_an_answer_waits_while_it_cannot_be_found_out_who_would_see_it(
    restricted: WorkerContext, audiences: Audiences, ask: Ask, model: ScriptedModel
) -> None:
    stored = ask()
    place(restricted.database, stored.turn_id)
    reply = RecordingReply(refuse(is_transient=True))
    answering.work(restricted, stored.session_id, lambda turn: reply)
    audiences.error = ReplyError("Slack is half away", is_transient=True)
    update(restricted.database, "run_after = now()")
    answering.work(restricted, stored.session_id, lambda turn: reply)
    assert (reply.answers, turns(restricted.database, "status")) == ([], [("running",)])
    audiences.error = None
    update(restricted.database, "run_after = now()")
    answering.work(restricted, stored.session_id, lambda turn: reply)
    assert "5 days" in reply.answers[0].text
    assert len(model.requests) == 1


@tool()
def list_titles(*, context: ToolContext) -> ToolResult:
    """Lists titles."""
    return ToolResult({"titles": ["Layoffs in May"]})


@pytest.mark.parametrize("after", [Audience(), Audience((frozenset({"everyone", "group:S1", "user:U1"}),))])
def test_an_answer_from_more_than_passages_is_not_delivered_later_to_those_who_may_read_less(
    context: WorkerContext, ask: Ask, model: ScriptedModel, after: Audience
) -> None:
    audiences = Audiences(STAFF)
    agent = replace(context.agent, tools={"list_titles": list_titles})
    opening_calls: Callable[[str], list[OpeningCall]] = lambda question: [OpeningCall("list_titles", {})]  # noqa: E731
    context = replace(context, agent=agent, audiences=audiences, plan_opening_calls=opening_calls)  # type: ignore[arg-type]
    model.script = lambda request: Say("There is a document about layoffs.")
    stored = ask()
    place(context.database, stored.turn_id)
    reply = RecordingReply(refuse(is_transient=True))
    answering.work(context, stored.session_id, lambda turn: reply)
    audiences.audience = after
    update(context.database, "run_after = now()")
    answering.work(context, stored.session_id, lambda turn: reply)
    (answer,) = reply.answers
    assert ("layoffs" in answer.text) == (after != Audience())
    assert (answer.text == answering.NOT_FOR_ALL) == (after == Audience())


@pytest.mark.parametrize(("is_transient", "delivery_hours"), [(False, 24.0), (True, 0.0)])
def test_an_answer_that_cannot_be_delivered_ends_the_turn(
    context: WorkerContext, ask: Ask, is_transient: bool, delivery_hours: float
) -> None:
    reply = RecordingReply(refuse(is_transient=is_transient))
    answering.work(replace(context, delivery_hours=delivery_hours), ask().session_id, lambda turn: reply)
    assert turns(context.database) == [("failed", "undeliverable")]


def test_the_sentence_about_a_bug_is_delivered_later_too(context: WorkerContext, ask: Ask) -> None:
    deliver = refuse(is_transient=True)

    def fail_first(answer: Answer) -> None:
        if answer.sources:
            raise RuntimeError("a bug")
        deliver(answer)

    answering.work(context, ask().session_id, lambda turn: RecordingReply(fail_first))
    assert turns(context.database, "status, lease_token") == [("running", None)]


def test_a_stopped_turn_keeps_what_was_shown(context: WorkerContext, ask: Ask, model: ScriptedModel) -> None:
    model.script = lambda request: Say("word " * 40, seconds=20)
    reply = RecordingReply(on_text=lambda _: update(context.database, "cancel_requested = true"))
    answering.work(context, ask().session_id, lambda turn: reply)
    (answer,) = reply.answers
    assert answer.text.startswith("word")
    assert answer.text.count("word") < 40
    assert answer.notice == progress.STOPPED_NOTICE
    assert turns(context.database) == [("cancelled", "stopped")]


def test_a_stopped_answer_is_what_the_person_saw_with_its_steps_and_sources(
    context: WorkerContext, ask: Ask, model: ScriptedModel
) -> None:
    model.script = lambda request: Say("You can carry over 5 days [1]. " + "word " * 40, seconds=20)

    class Frozen(RecordingReply):
        def get_shown_text(self) -> str:
            return "You can carry over 5 days [[1]](https://h.example/leave)."

    reply = Frozen(on_text=lambda _: update(context.database, "cancel_requested = true"))
    answering.work(context, ask().session_id, lambda turn: reply)
    (answer,) = reply.answers
    assert answer.text == "You can carry over 5 days [[1]](https://h.example/leave)."
    assert [source.n for source in answer.sources] == [1]
    assert [card.status for card in answer.steps] == ["complete"]
    assert turns(context.database, "status, answer") == [("cancelled", answer.text)]
    with context.database.transaction() as transaction:
        assert transaction.execute(text("SELECT is_cited FROM sources WHERE n = 1")).scalar_one()


def withdraw(context: WorkerContext, turn_id: UUID) -> None:
    with context.database.transaction() as transaction:
        revisions.withdraw(transaction, turn_id)


def test_a_question_that_is_withdrawn_while_it_is_answered_gets_no_word(
    context: WorkerContext, ask: Ask, model: ScriptedModel
) -> None:
    model.script = lambda request: Say("word " * 40, seconds=20)
    stored = ask()
    reply = RecordingReply(on_text=lambda _: withdraw(context, stored.turn_id))
    answering.work(context, stored.session_id, lambda turn: reply)
    assert (reply.answers, reply.n_retracted) == ([], 1)
    assert turns(context.database, "status, reason, answer") == [("cancelled", "withdrawn", None)]


def test_a_question_withdrawn_between_two_attempts_asks_no_model(
    context: WorkerContext, ask: Ask, model: ScriptedModel
) -> None:
    stored = ask()
    update(context.database, "status = 'running', attempt = 1")
    withdraw(context, stored.turn_id)
    reply = RecordingReply()
    answering.work(context, stored.session_id, lambda turn: reply)
    assert (reply.answers, reply.n_retracted, model.requests) == ([], 1, [])
    assert turns(context.database) == [("cancelled", "withdrawn")]


def test_a_turn_of_a_stopping_process_is_given_back_and_woken(
    context: WorkerContext, ask: Ask, model: ScriptedModel, turn_queue: Queue
) -> None:
    model.script = lambda request: Say("word " * 40, seconds=20)
    reply = RecordingReply(on_text=lambda _: context.leases.stopping.set())
    stored = ask()
    answering.work(context, stored.session_id, lambda turn: reply)
    assert turns(context.database, "status, attempt, lease_token") == [("running", 0, None)]
    assert str(stored.session_id) in woken(turn_queue)
    assert reply.answers == []


def test_who_lost_the_turn_writes_nothing(context: WorkerContext, ask: Ask) -> None:
    def lose(answer: Answer) -> None:
        update(context.database, "lease_token = gen_random_uuid()")

    answering.work(context, ask().session_id, lambda turn: RecordingReply(lose))
    assert turns(context.database, "status, answer") == [("running", None)]


@pytest.mark.parametrize(
    ("attempt", "n_answers"), [(2, 1), (2 + answering.LAST_ATTEMPTS, 0)], ids=["says so", "cannot even say so"]
)
def test_a_turn_that_was_interrupted_too_often_is_given_up(
    context: WorkerContext, ask: Ask, model: ScriptedModel, attempt: int, n_answers: int
) -> None:
    stored = ask()
    update(context.database, f"attempt = {attempt}")
    reply = RecordingReply()
    answering.work(context, stored.session_id, lambda turn: reply)
    assert turns(context.database) == [("failed", "interrupted")]
    assert [answer.text for answer in reply.answers] == [answering.GAVE_UP] * n_answers
    assert model.requests == []


def test_the_job_works_with_what_was_bound(context: WorkerContext, ask: Ask) -> None:
    answering.bind(context)
    jobs.answer(str(ask().session_id))
    assert turns(context.database) == [("failed", "undeliverable")]  # there is no Slack


def test_an_unanswered_question_of_an_address_without_slack_ends_unseen(context: WorkerContext, ask: Ask) -> None:
    stored = ask()
    place(context.database, stored.turn_id)
    assert ReplyAddress("T", "C", "U").thread_ts is None
    answering.work(context, stored.session_id)
    assert turns(context.database) == [("failed", "undeliverable")]


def test_before_any_document_the_person_is_told_and_no_model_is_asked(
    context: WorkerContext, ask: Ask, model: ScriptedModel, tmp_path: Path
) -> None:
    reply = RecordingReply()
    library = Library(context.database, IngestSettings(index_uri=str(tmp_path / "index")))
    empty = replace(context, agent=replace(context.agent, resources={Library: library}))
    answering.work(empty, ask().session_id, lambda turn: reply)
    assert turns(context.database) == [("completed", "no_evidence")]
    assert reply.answers[0].text.startswith("No documents have been read in yet")
    assert "`docent ingest`" in reply.answers[0].text
    assert model.requests == []
