"""A question is edited while it is answered, or after it was; one visible answer belongs to each wording."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from agent.store.database import Database
from bot.jobs import answering
from bot.simulator import ADA, GRACE, HELP
from bot.slack.client import SlackClient
from bot.slack.interactions import answer_again
from bot.slack.replies.progress.live_message import BEGINS_AGAIN
from tests.bot.slack.docent import Docent
from tests.scripted_model import Line, Say

DAYS = "How many days of annual leave can I carry over into the next year?"
HOTEL = "What may a hotel cost per night?"
N_COMMITS = 8  # of a turn that begins again once; the test says when it is no longer true


def answer(request: dict[str, Any], *, seconds: float = 0.0) -> Say:
    """What the last question of a prompt is answered with."""
    asked = str(request["messages"][-1]["content"])
    return Say("A hotel may cost 140 euros [1]." if HOTEL in asked else "You can carry over 5 days [1].", seconds)


@dataclass
class Editing:
    """Edits a question once, at some moment of its answer."""

    docent: Docent
    ts: str = ""
    n_edits: int = 0

    def edit(self, text: str = HOTEL) -> None:
        if not self.n_edits:
            self.n_edits = 1
            self.docent.workspace.person(ADA).edit(self.ts, f"<@{self.docent.workspace.app.bot_user_id}> {text}")
            self.docent.hear()

    def ask(self) -> None:
        self.ts = self.docent.workspace.person(ADA).mention(HELP, DAYS)

    def check(self) -> None:
        """One answer stands there, and it belongs to the new wording; the record and the money are of it, too."""
        docent = self.docent
        (said,) = docent.replies(HELP, self.ts)
        assert "140 euros" in said
        assert "5 days" not in said
        assert docent.turns() == [("mention", HOTEL, "answered")]
        assert docent.query("SELECT edited_question, reserved_usd FROM turns") == [(None, 0)]
        prompts = docent.query("SELECT content ->> 'content' FROM messages WHERE role = 'user'")
        assert [HOTEL in prompt for (prompt,) in prompts] == [True]
        assert docent.query("SELECT * FROM budget_holds") == []
        ((cost,),) = docent.query("SELECT cost_usd FROM turns")
        assert {spent for (spent,) in docent.query("SELECT spent_usd FROM budgets")} == {cost}


@pytest.fixture
def editing(docent: Docent) -> Editing:
    return Editing(docent)


def test_an_edit_while_the_model_thinks_begins_again(docent: Docent, editing: Editing) -> None:
    def script(request: dict[str, Any]) -> Line:
        editing.edit()
        return answer(request)

    docent.model.script = script
    editing.ask()
    docent.run()
    editing.check()
    assert len(docent.model.requests) == 2
    purposes = Counter(purpose for (purpose,) in docent.query("SELECT purpose FROM model_calls"))
    assert purposes == {"edited": 1, "step": 1}  # both are charged


def test_an_edit_while_the_answer_streams_changes_the_message_that_is_there(
    docent: Docent, editing: Editing
) -> None:
    """The worker hears of it from Postgres, as it hears of Stop."""

    def script(request: dict[str, Any]) -> Line:
        return (
            answer(request)
            if editing.n_edits
            else Say("You can carry over 5 days [1]. " + "word " * 60, seconds=40)
        )

    def hear_edit() -> bool:
        streamed = docent.workspace.calls_of("chat.appendStream")
        if streamed:
            editing.edit()
        return bool(streamed)

    docent.model.script = script
    docent.worker = replace(docent.worker, slack=calling(docent, "chat.appendStream", hear_edit))
    editing.ask()
    docent.run()
    editing.check()
    shown = [str(call.args) for call in docent.workspace.calls_of("chat.update")]
    assert BEGINS_AGAIN in shown[0]
    assert len(docent.workspace.calls_of("chat.startStream")) == 1


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.stopStream"])
def test_an_edit_while_the_answer_is_delivered_replaces_it(docent: Docent, editing: Editing, method: str) -> None:
    def script(request: dict[str, Any]) -> Line:
        return answer(request, seconds=0.0 if method == "chat.postMessage" or editing.n_edits else 3.0)

    docent.model.script = script
    docent.worker = replace(docent.worker, slack=calling(docent, method, editing.edit))
    editing.ask()
    docent.run()
    editing.check()


def test_an_edit_of_a_long_answer_takes_its_other_parts_away(docent: Docent, editing: Editing) -> None:
    paragraphs = "\n\n".join(f"{n} days [1]. " + "x" * 900 for n in range(30))
    docent.model.script = lambda request: answer(request) if editing.n_edits else Say(paragraphs)
    docent.worker = replace(docent.worker, slack=calling(docent, "chat.postMessage", editing.edit, at=2))
    editing.ask()
    docent.run()
    editing.check()


def calling(docent: Docent, watched: str, hook: Callable[[], object], *, at: int = 1) -> SlackClient:
    """A client that does something after the ``at``-th call of a method."""
    slack = docent.worker.slack
    assert slack
    calls = Counter[str]()

    class Calling(SlackClient):
        def __init__(self) -> None:
            self.__dict__ |= slack.__dict__

        def call(self, method: str, **arguments: Any) -> dict[str, Any]:
            done = super().call(method, **arguments)
            self.note(method)
            return done

        def try_once(self, method: str, **arguments: Any) -> dict[str, Any]:
            done = super().try_once(method, **arguments)
            self.note(method)
            return done

        def note(self, method: str) -> None:
            calls[method] += 1
            if method == watched and calls[method] == at:
                hook()

    return Calling()


# Crashes


class Died(BaseException):
    """The worker is gone."""


class DyingDatabase(Database):
    """Ends its worker before or after the n-th commit."""

    def __init__(self, url: str, at: int, when: str) -> None:
        super().__init__(url, pool_size=2, statement_timeout_seconds=30)
        self._at, self._when, self.n_commits = at, when, 0

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with super().transaction() as transaction:
            yield transaction
            self.n_commits += 1
            self._die("before")
        self._die("after")

    def _die(self, when: str) -> None:
        if self.n_commits == self._at and when == self._when:
            raise Died


@pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.soak)])
@pytest.mark.parametrize(
    "at", [n if n % 2 else pytest.param(n, marks=pytest.mark.soak) for n in range(1, N_COMMITS + 1)]
)
def test_a_worker_dies_at_any_commit_of_a_turn_that_begins_again(
    docent: Docent, editing: Editing, at: int, when: str
) -> None:
    def script(request: dict[str, Any]) -> Line:
        editing.edit()
        return answer(request)

    docent.model.script = script
    editing.ask()
    docent.hear()
    dying = DyingDatabase(docent.database.url, at, when)
    context = replace(docent.worker, database=dying, agent=replace(docent.worker.agent, database=dying))
    (session_id,) = set(docent.woken)
    with pytest.raises(Died):
        answering.work(context, session_id)
    dying.close()
    docent.query("UPDATE turns SET lease_token = NULL, lease_until = NULL WHERE status = 'running' RETURNING 1")
    docent.run()
    if not editing.n_edits:  # it died before a model was asked, and the edit came to the next worker
        editing.edit()
        docent.run()
    editing.check()


def test_the_number_of_commits_is_what_the_test_above_walks_through(docent: Docent, editing: Editing) -> None:
    def script(request: dict[str, Any]) -> Line:
        editing.edit()
        return answer(request)

    docent.model.script = script
    counting = DyingDatabase(docent.database.url, 0, "never")
    docent.worker = replace(
        docent.worker, database=counting, agent=replace(docent.worker.agent, database=counting)
    )
    editing.ask()
    docent.run()
    counting.close()
    editing.check()
    assert counting.n_commits in (N_COMMITS, N_COMMITS + 1)  # the last one finds that nothing else is asked


# Afterwards


def offers(docent: Docent, user: str = ADA) -> list[str]:
    """The ts of the offers that this person sees."""
    docent.told(user)
    return [m.ts for m in docent.workspace.ephemerals(user) if answer_again.ACTION in str(m.blocks)]


def test_a_question_that_is_edited_after_its_answer_is_answered_again_on_a_click_and_once(docent: Docent) -> None:
    docent.model.script = answer
    ada, bot = docent.workspace.person(ADA), docent.workspace.app.bot_user_id
    ts = ada.mention(HELP, DAYS)
    docent.run()
    ada.edit(ts, f"<@{bot}> {HOTEL}")
    docent.run()
    assert len(docent.replies(HELP, ts)) == 1  # nothing happens unasked
    (offer,) = offers(docent)
    assert offers(docent, GRACE) == []
    ada.click(offer, answer_again.ACTION)
    assert docent.told(ADA) == [answer_again.ASKED]  # in the place of the offer
    docent.run()
    first, second = docent.replies(HELP, ts)
    assert "5 days" in first
    assert "140 euros" in second
    assert second.startswith(HOTEL) or HOTEL in second.splitlines()[0]  # it says what it answers
    assert [question for _, question, _ in docent.turns()] == [DAYS, HOTEL]
    assert DAYS not in str(docent.model.requests[-1]["messages"])  # which was never meant

    ada.edit(ts, f"<@{bot}> {DAYS}")  # it concerns the answer that is there now
    docent.run()
    ada.click(offers(docent)[-1], answer_again.ACTION)
    docent.run()
    assert "5 days" in docent.replies(HELP, ts)[2]
    ada.delete(ts)
    docent.run()
    assert [reason for *_, reason in docent.turns()] == ["answered"] * 3


def test_an_edit_back_to_what_was_answered_and_changes_that_nobody_made_offer_nothing(docent: Docent) -> None:
    ada, bot = docent.workspace.person(ADA), docent.workspace.app.bot_user_id
    ts = ada.mention(HELP, DAYS)
    docent.run()
    docent.workspace.unfurl(ts, {"title": "A page", "from_url": "https://a.example"})
    docent.workspace.person(GRACE).say(HELP, "Good question", ts)
    docent.run()
    assert offers(docent) == []
    ada.edit(ts, f"<@{bot}> {HOTEL}")
    ada.edit(ts, f"<@{bot}> {DAYS}")
    docent.run()
    (offer,) = offers(docent)  # of the first edit
    ada.click(offer, answer_again.ACTION)
    docent.run()
    assert len(docent.replies(HELP, ts)) == 1
    assert answer_again.BEFORE in docent.told(ADA)


def test_an_edited_direct_message_is_offered_again_in_its_thread(docent: Docent) -> None:
    docent.model.script = answer
    ada = docent.workspace.person(ADA)
    ts = ada.write_dm(DAYS)
    docent.run()
    ada.edit(ts, HOTEL)
    docent.run()
    docent.told(ADA)
    _, offer = docent.messages(ada.dm, ts)
    ada.click(offer.ts, answer_again.ACTION)
    docent.run()
    docent.told(ADA)
    assert "140 euros" in docent.replies(ada.dm, ts)[-1]
    assert len(docent.replies(ada.dm, ts)) == 3


def test_what_was_written_of_a_question_takes_one_transaction_before_it_is_acknowledged(docent: Docent) -> None:
    """Edits of what was and what was none, by a mention or without one, deletions, and the click on the offer."""
    ada, grace, bot = (
        docent.workspace.person(ADA),
        docent.workspace.person(GRACE),
        docent.workspace.app.bot_user_id,
    )
    ts, lunch = ada.mention(HELP, DAYS), grace.say(HELP, "Lunch?")
    docent.run()
    ada.say(HELP, "And for hotels?", ts)
    follow_up, chatter = docent.workspace.history(HELP)[-1].ts, grace.say(HELP, "I wonder.", ts)
    docent.run()
    docent.n_commits.clear()
    ada.edit(ts, f"<@{bot}> {HOTEL}")
    grace.edit(lunch, "Lunch at one?")
    grace.edit(chatter, "I wonder, too.")
    grace.edit(chatter, f"<@{bot}> what may a train cost?")
    docent.hear()
    assert (max(docent.n_commits), sum(docent.n_commits)) == (1, 3)  # a mention is told twice, lunch needs none
    assert docent.turns()[-1][:2] == ("mention", "what may a train cost?")
    docent.run()
    docent.n_commits.clear()
    ada.edit(follow_up, f"<@{bot}> and for meals?")
    grace.delete(chatter)
    docent.hear()
    assert (max(docent.n_commits), sum(docent.n_commits)) == (1, 2)
    assert docent.query("SELECT edited_question FROM turns WHERE question = 'And for hotels?'")
    docent.told(ADA)
    docent.n_commits.append(0)
    ada.click(offers(docent)[0], answer_again.ACTION)
    assert docent.n_commits[-1] == 1
    assert docent.turns()[-1][:2] == ("mention", HOTEL)


def test_a_deleted_reply_that_was_no_question_leaves_no_trace(docent: Docent) -> None:
    ada, grace = docent.workspace.person(ADA), docent.workspace.person(GRACE)
    ts = ada.mention(HELP, DAYS)
    docent.run()
    before = docent.query("SELECT key FROM deliveries")
    grace.delete(grace.say(HELP, "I wonder.", ts))
    docent.run()
    assert docent.query("SELECT key FROM deliveries") == before


@pytest.mark.parametrize("direct", [False, True])
def test_an_offer_that_slack_does_not_take_at_once_is_made_later_and_once(docent: Docent, direct: bool) -> None:
    ada = docent.workspace.person(ADA)
    ts = ada.write_dm(DAYS) if direct else ada.mention(HELP, DAYS)
    docent.run()
    docent.workspace.faults.rate_limit("chat.postMessage" if direct else "chat.postEphemeral", times=2)
    ada.edit(ts, HOTEL if direct else f"<@{docent.workspace.app.bot_user_id}> {HOTEL}")
    docent.run()
    docent.told(ADA)
    shown = docent.replies(ada.dm, ts)[1:] if direct else [m.plain for m in docent.workspace.ephemerals(ADA)]
    assert [answer_again.TEXT in said for said in shown] == [True]
