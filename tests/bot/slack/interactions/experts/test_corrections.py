"""Corrections by experts: in the thread at once, then given to whoever asks, until what they rest on changes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from sqlalchemy import text

from agent.prompting import citations
from agent.types import Audience
from bot.record.care.unfinished import Unfinished
from bot.simulator import ADA, GENERAL, GRACE, HELP, HR, LINUS, SlackMessage
from bot.simulator.stores.directory import ChannelKind
from bot.slack import listeners
from bot.slack.interactions.experts import correction_form, expert_desk, reviews
from bot.slack.replies.closing import buttons
from ingest.access import reader_sets
from ingest.library import Library
from tests.bot.slack.docent import Docent
from tests.bot.slack.interactions.experts.conftest import SetChannel
from tests.library import sync_folder
from tests.scripted_model import Call, Say

QUESTION = "How many pelicans may a department keep?"
AGAIN = "how many pelicans can a department keep, please?"
ALIKE = "May our department in Lisbon keep pelicans?"
PAGE = "# Pelicans\n\nA department may keep two pelicans. They are fed at noon.\n"
GIVEN = Say("Two pelicans [1].")
RIGHT = "Three pelicans, since May [1]. See [the form](https://forms.example/pelican)."


@dataclass
class Pelicans:
    """A page of its own, in a folder that can be changed and read again."""

    docent: Docent
    folder: Path
    readers: tuple[str, ...] = ("everyone",)

    def write(self, text: str = PAGE) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "pelicans.md").write_text(text)
        sync_folder(self.library, self.folder, link="https://handbook.example/{path}", readers=self.readers)

    @property
    def library(self) -> Library:
        assert self.docent.worker.library
        return self.docent.worker.library

    def correct(self, channel: str = HELP, answer: str = RIGHT, *, asker: str = ADA, expert: str = GRACE) -> str:
        """Asks, and has it corrected; returns the thread."""
        ts, reply = self.ask(asker, QUESTION, channel)
        self.docent.click(expert, reply.ts, buttons.CORRECT)
        assert self.docent.submit(expert, form(answer)) in (None, {})
        self.library.refresh_verified()
        return ts

    def ask(self, user: str, question: str, channel: str = HELP) -> tuple[str, SlackMessage]:
        ts = self.docent.workspace.person(user).mention(channel, question)
        self.docent.run()
        return ts, self.docent.messages(channel, ts)[-1]

    def is_given(self, user: str = LINUS, channel: str = GENERAL, question: str = AGAIN) -> bool:
        """Asks once more; whether the verified answer is given, for which no model is asked."""
        n_requests = len(self.docent.model.requests)
        _, reply = self.ask(user, question, channel)
        is_given = "Three pelicans" in reply.plain
        assert is_given == (len(self.docent.model.requests) == n_requests)
        return is_given


def form(answer: str, question: str = QUESTION) -> dict[str, dict[str, object]]:
    written = {correction_form.QUESTION: question, f"{correction_form.ANSWER}_0": answer}
    return {name: {name: value} for name, value in written.items()}


@pytest.fixture
def pelicans(docent: Docent, tmp_path: Path, experts: None) -> Pelicans:
    docent.model.script = lambda request: GIVEN
    pelicans = Pelicans(docent, tmp_path / "pelicans")
    pelicans.write()
    return pelicans


def test_a_correction_replaces_the_answer_and_is_given_to_whoever_asks_next(
    docent: Docent, pelicans: Pelicans
) -> None:
    """To the same question without a model call, to one like it as evidence; found in the search made anyway."""
    ts, reply = pelicans.ask(ADA, QUESTION)
    docent.click(LINUS, reply.ts, buttons.CORRECT)
    assert docent.workspace.ephemerals(LINUS)[-1].plain.startswith(expert_desk.ONLY_EXPERTS[:40])
    docent.click(GRACE, reply.ts, buttons.CORRECT)
    (modal,) = docent.workspace.person(GRACE).modals()
    fields = {block["block_id"]: block["element"] for block in modal["blocks"] if block["type"] == "input"}
    assert fields[f"{correction_form.ANSWER}_0"]["initial_value"] == "Two pelicans [1]."
    assert fields[correction_form.QUESTION]["initial_value"] == QUESTION
    assert docent.submit(GRACE, form(" "))["errors"] == {f"{correction_form.ANSWER}_0": correction_form.EMPTY}
    docent.submit(GRACE, form(RIGHT))

    replaced, told = docent.messages(HELP, ts)
    assert replaced.ts == reply.ts
    assert "Three pelicans, since May" in replaced.plain
    assert "Two pelicans" not in replaced.plain
    assert "[the form](https://forms.example/pelican)" in str(replaced.blocks)
    assert "Corrected by Grace" in replaced.plain
    assert "Pelicans" in replaced.plain.partition("*Sources:*")[2]
    assert told.plain.startswith(f"<@{ADA}> Grace")
    assert docent.query("SELECT answer FROM turns")[0][0].startswith("Three pelicans")

    pelicans.library.refresh_verified()
    n_requests, n_calls = len(docent.model.requests), len(docent.workspace.calls)
    _, given = pelicans.ask(LINUS, AGAIN, GENERAL)
    written = [
        one.method for one in docent.workspace.calls[n_calls:] if one.method.startswith(("chat.", "assistant."))
    ]
    assert len(written) <= 6
    assert len(docent.model.requests) == n_requests
    assert "Three pelicans, since May" in given.plain
    assert "It rests on [Pelicans](https://handbook.example/pelicans)" in str(given.blocks)
    assert "✅ *Verified by Grace" in given.plain
    assert QUESTION in given.plain.partition("*Sources:*")[2]

    _, _ = pelicans.ask(LINUS, ALIKE, GENERAL)
    assert len(docent.model.requests) == n_requests + 1
    evidence = docent.evidence("search_docs")
    assert [one["title"] for one in evidence["verified"]] == [QUESTION]
    assert evidence["passages"][0]["title"] == QUESTION
    assert "Grace" in evidence["verified"][0]["by"]


def test_until_a_document_changes_then_its_author_is_asked(
    docent: Docent, pelicans: Pelicans, clock: Unfinished
) -> None:
    """Once, by direct message; meanwhile it is not used. It is confirmed for the documents as they were then."""
    pelicans.correct()
    assert pelicans.is_given()
    grace = docent.workspace.person(GRACE)
    pelicans.write(PAGE.replace("noon", "one"))
    assert not pelicans.is_given()
    for _ in range(2):
        clock.finish(seconds=0)
    (asked,) = asks(docent)
    assert "Pelicans" in asked.plain
    assert "Three pelicans" in asked.plain
    pelicans.library.refresh_verified()
    assert not pelicans.is_given()

    docent.click(GRACE, asked.ts, f"{reviews.ACTION}_keep")
    assert docent.workspace.history(grace.dm)[-1].plain == reviews.KEPT
    pelicans.library.refresh_verified()
    assert pelicans.is_given()

    pelicans.write(PAGE.replace("noon", "two"))
    clock.finish(seconds=0)
    asked = asks(docent)[-1]
    pelicans.write(PAGE.replace("noon", "three"))
    docent.click(GRACE, asked.ts, f"{reviews.ACTION}_keep")
    assert not pelicans.is_given()
    clock.finish(seconds=0)
    asked = asks(docent)[-1]
    docent.click(GRACE, asked.ts, f"{reviews.ACTION}_change")
    docent.submit(GRACE, form("Three pelicans, fed at three [1]."))
    pelicans.library.refresh_verified()
    assert pelicans.is_given()

    pelicans.write("# Pelicans\n\nThere are no pelicans any more.\n")
    clock.finish(seconds=0)
    docent.click(GRACE, asks(docent)[-1].ts, f"{reviews.ACTION}_withdraw")
    assert docent.workspace.history(grace.dm)[-1].plain == reviews.WITHDRAWN
    pelicans.library.refresh_verified()
    assert not pelicans.is_given()
    assert docent.query("SELECT id FROM documents WHERE source = 'verified answers'") == []


def test_an_author_is_told_no_title_that_they_might_not_read(
    docent: Docent, pelicans: Pelicans, clock: Unfinished
) -> None:
    """Also when the document is gone."""
    _, reply = pelicans.ask(ADA, QUESTION)
    docent.click(GRACE, reply.ts, buttons.CORRECT)
    pelicans.readers = (f"user:{ADA}",)
    pelicans.write()
    docent.submit(GRACE, form(RIGHT))
    pelicans.write(PAGE.replace("noon", "one"))
    clock.finish(seconds=0)
    pelicans.library.forget("pelicans")
    with docent.database.transaction() as transaction:
        transaction.execute(text("UPDATE verified_answers SET asked_at = NULL"))
    clock.finish(seconds=0)
    assert len(asks(docent)) == 2
    assert all("Pelicans" not in one.plain and "may not read" in one.plain for one in asks(docent))


def asks(docent: Docent) -> list[SlackMessage]:
    """The messages that ask Grace whether an answer still holds."""
    dm = docent.workspace.person(GRACE).dm
    return [m for m in docent.workspace.history(dm) if m.plain.startswith(reviews.ASKED[:30])]


@pytest.mark.parametrize(
    ("channel", "readers", "given"),
    [
        (HELP, ("everyone",), {(LINUS, GENERAL), (ADA, HR), (GRACE, HR)}),
        (HR, ("everyone",), {(ADA, HR), (GRACE, HR)}),
        (HR, (f"channel:{HR}",), {(ADA, HR), (GRACE, HR)}),
        (HELP, (f"user:{ADA}", f"user:{GRACE}", f"user:{LINUS}"), {(LINUS, GENERAL), (ADA, HR), (GRACE, HR)}),
    ],
)
def test_it_is_given_only_to_those_who_may_read_its_thread_and_its_sources(  # noqa: PLR0917
    docent: Docent,
    pelicans: Pelicans,
    set_channel: SetChannel,
    channel: str,
    readers: tuple[str, ...],
    given: set[tuple[str, str]],
) -> None:
    set_channel(channel, experts=[GRACE])
    pelicans.readers = readers
    pelicans.write()
    pelicans.correct(channel)
    places = [(LINUS, GENERAL), (ADA, HR), (GRACE, HR)]
    assert {place for place in places if pelicans.is_given(*place)} == given
    prompts = str([request for request in docent.model.requests if "Lisbon" in str(request)])
    assert "Three pelicans" not in prompts


def test_it_is_not_given_where_the_sources_that_it_rests_on_are_not_searched(
    docent: Docent, pelicans: Pelicans, set_channel: SetChannel
) -> None:
    """Neither as it is nor as evidence; one that rests on no document is given everywhere."""
    pelicans.correct()
    for sources, is_given in ((["handbook"], False), (["handbook", "pelicans"], True), ([], True)):
        set_channel(GENERAL, sources=sources)
        assert pelicans.is_given() is is_given
        pelicans.ask(LINUS, ALIKE, GENERAL)
        assert ("Three pelicans" in docent.prompt()) is is_given
    docent.query("DELETE FROM verified_documents RETURNING answer_id")
    set_channel(GENERAL, sources=["handbook"])
    assert pelicans.is_given()


def test_what_the_answer_was_made_from_without_citing_it_narrows_its_readers(
    docent: Docent, pelicans: Pelicans, tmp_path: Path, clock: Unfinished
) -> None:
    """Its words may stand in the correction still; but a change of it asks nobody whether the answer holds."""
    menu = tmp_path / "menu"
    menu.mkdir()

    def write(text: str, *readers: str) -> None:
        (menu / "menu.md").write_text(f"# Menu\n\nThe canteen has pelicans. {text}\n")
        sync_folder(pelicans.library, menu, readers=readers)

    docent.workspace.leave(HELP, LINUS)
    write("They are eaten in May.", f"user:{ADA}", f"user:{GRACE}")
    pelicans.correct()
    assert pelicans.is_given(ADA, HELP)
    assert not pelicans.is_given()
    write("They are eaten in June.", "everyone")
    pelicans.library.refresh_verified()
    assert pelicans.is_given()
    clock.finish(seconds=0)
    assert asks(docent) == []
    write("They are eaten in June.", f"user:{ADA}")
    assert not pelicans.is_given()


def test_what_may_have_come_from_more_than_documents_stays_with_the_people_of_its_place(
    docent: Docent, pelicans: Pelicans
) -> None:
    """Such as a message that was attached: who else may read that is not known."""
    docent.workspace.leave(HELP, LINUS)
    calls = [Call([("list_documents", {})])]
    docent.model.script = lambda request: calls.pop() if calls else GIVEN
    pelicans.correct()
    assert pelicans.is_given(ADA, HELP)
    assert not pelicans.is_given()


@pytest.mark.parametrize("is_heard", [True, False])
def test_what_was_said_in_a_channel_that_becomes_private_stays_there(
    docent: Docent, pelicans: Pelicans, clock: Unfinished, set_channel: SetChannel, is_heard: bool
) -> None:
    """Also what was verified elsewhere of an answer that came from it; whether Slack's event was heard or not."""
    set_channel(GENERAL, experts=[GRACE])
    docent.workspace.leave(HELP, LINUS)
    pelicans.correct()
    _, given = pelicans.ask(LINUS, AGAIN, GENERAL)
    docent.click(GRACE, given.ts, buttons.CORRECT)
    docent.submit(GRACE, form("Three pelicans, as was said in #help.", "Are there pelicans?"))
    pelicans.library.refresh_verified()
    assert pelicans.is_given()
    assert pelicans.is_given(question="Are there pelicans?")
    docent.workspace.directory.channels[HELP].kind = ChannelKind.PRIVATE
    if is_heard:
        event = {"type": "message", "subtype": "channel_convert_to_private", "channel": HELP}
        listeners.on_message(docent.context, event, {})
    else:
        clock.check_places()
    ids = [row[0].hex for row in docent.query("SELECT id FROM documents WHERE source = 'verified answers'")]
    with docent.database.transaction() as transaction:  # as for what was said from them before
        assert len(reader_sets.find_unreadable(transaction, ids, Audience())) == len(ids) == 2
    assert not pelicans.is_given()
    assert not pelicans.is_given(question="Are there pelicans?")
    pelicans.library.refresh_verified()
    assert pelicans.is_given(ADA, HELP)


def test_who_is_no_expert_any_more_writes_nothing(
    docent: Docent, pelicans: Pelicans, clock: Unfinished, set_channel: SetChannel
) -> None:
    """Neither in a form that was opened before, nor in one of an earlier answer of theirs."""
    ts, reply = pelicans.ask(ADA, QUESTION)
    docent.click(GRACE, reply.ts, buttons.CORRECT)
    set_channel(experts=[LINUS])
    refused = {correction_form.QUESTION: expert_desk.NO_LONGER}
    assert docent.submit(GRACE, form(RIGHT))["errors"] == refused
    assert docent.query("SELECT id FROM verified_answers") == []
    assert "Two pelicans" in docent.messages(HELP, ts)[0].plain

    set_channel(experts=[GRACE])
    assert docent.submit(GRACE, form(RIGHT)) in (None, {})
    pelicans.write(PAGE.replace("noon", "one"))
    clock.finish(seconds=0)
    docent.click(GRACE, asks(docent)[-1].ts, f"{reviews.ACTION}_change")
    set_channel(experts=[LINUS])
    assert docent.submit(GRACE, form("Ninety pelicans."))["errors"] == refused
    assert not pelicans.is_given()


def test_what_is_taken_away_of_a_source_is_taken_away_at_once(docent: Docent, pelicans: Pelicans) -> None:
    """Also before the index knows it, and of what follows in the thread."""
    pelicans.correct()
    assert pelicans.is_given()
    pelicans.readers = (f"channel:{HR}",)
    pelicans.write()
    assert not pelicans.is_given()
    found = pelicans.library.search(QUESTION, audience=Audience()).passages
    assert not any("Three" in passage.text for passage in found)
    assert pelicans.library.read(QUESTION, audience=Audience()) == []
    pelicans.library.refresh_verified()
    assert pelicans.is_given(ADA, HR)
    listed = pelicans.library.list_documents(audience=Audience(), limit=50)
    assert "verified answers" not in listed.sources


@pytest.mark.parametrize("method", ["chat.update", "chat.postMessage", "chat.getPermalink"])
@pytest.mark.parametrize("is_lost", [False, True])
def test_whatever_crashes_after_the_form_it_is_replaced_and_told_once(
    docent: Docent, pelicans: Pelicans, clock: Unfinished, method: str, is_lost: bool
) -> None:
    ts, reply = pelicans.ask(ADA, QUESTION)
    docent.click(GRACE, reply.ts, buttons.CORRECT)
    if is_lost:
        docent.workspace.faults.lose_answer(method, times=None)
    else:
        docent.workspace.faults.fail(method, times=None)
    docent.submit(GRACE, form(RIGHT))
    assert docent.query("SELECT status FROM verified_answers") == [("pending",)]
    docent.workspace.faults.clear()
    for _ in range(2):
        clock.finish(seconds=0)
    assert docent.query("SELECT status, version FROM verified_answers") == [("active", 1)]
    replaced, told = docent.messages(HELP, ts)
    assert "Three pelicans" in replaced.plain
    assert f"<@{ADA}>" in told.plain
    n_updates = len(docent.workspace.calls_of("chat.update"))
    clock.finish(seconds=0)
    assert len(docent.workspace.calls_of("chat.update")) == n_updates


def test_a_message_that_slack_does_not_let_change_is_followed_by_the_right_answer(
    docent: Docent, pelicans: Pelicans
) -> None:
    docent.workspace.faults.error("chat.update", "edit_window_closed", times=None)
    ts = pelicans.correct()
    _, told = docent.messages(HELP, ts)
    assert "Slack does not let me change" in told.plain
    assert "Three pelicans" in told.plain
    assert pelicans.is_given()


def test_what_nothing_was_found_for_can_be_answered_by_an_expert(docent: Docent, pelicans: Pelicans) -> None:
    docent.model.script = lambda request: Say("[not in the documents]\nThe documents do not say.")
    ts, reply = pelicans.ask(ADA, "Who feeds the office cat?")
    docent.click(GRACE, reply.ts, buttons.CORRECT)
    (modal,) = docent.workspace.person(GRACE).modals()
    assert "initial_value" not in str(modal["blocks"][-1])
    docent.submit(GRACE, form("Linus feeds it.", "Who feeds the office cat?"))
    assert "✅ Answered by Grace" in docent.messages(HELP, ts)[0].plain
    pelicans.library.refresh_verified()
    n_requests = len(docent.model.requests)
    _, given = pelicans.ask(LINUS, "who feeds the cat of the office", GENERAL)
    assert "Linus feeds it." in given.plain
    assert len(docent.model.requests) == n_requests


def test_a_second_correction_takes_the_place_of_the_first(docent: Docent, pelicans: Pelicans) -> None:
    """Below the answer that was corrected, and below one that was given from it."""
    ts = pelicans.correct(answer="Four pelicans [1].")
    docent.click(GRACE, docent.messages(HELP, ts)[0].ts, buttons.CORRECT)
    docent.submit(GRACE, form("Five pelicans [1]."))
    pelicans.library.refresh_verified()
    _, given = pelicans.ask(LINUS, AGAIN)
    assert "Five pelicans" in given.plain
    docent.click(GRACE, given.ts, buttons.CORRECT)
    docent.submit(GRACE, form(RIGHT))
    pelicans.library.refresh_verified()
    assert pelicans.is_given()
    states = docent.query("SELECT status, version FROM verified_answers ORDER BY id")
    assert states == [("withdrawn", 2), ("active", 1)]
    pelicans.write(PAGE.replace("noon", "one"))
    assert not pelicans.is_given()


def test_who_wants_to_change_an_answer_that_is_gone_hears_so(docent: Docent) -> None:
    ts = docent.workspace.person(GRACE).say(HELP, "Hello")
    url = docent.workspace.response_urls.issue(HELP, GRACE, ts)
    body = {"team": {"id": "T1"}, "channel": {"id": HELP}, "user": {"id": GRACE}, "response_url": url}
    action = {"action_id": f"{reviews.ACTION}_{reviews.Review.CHANGE}", "value": f"{uuid4()} 0a"}
    docent.people.on_review(cast(Any, lambda: None), body, action)
    docent.settle()
    assert docent.workspace.ephemerals(GRACE)[-1].plain == reviews.GONE


def test_a_long_answer_is_edited_in_parts_and_loses_nothing() -> None:
    text = "\n\n".join(f"Paragraph {n} says something of its own, and more." for n in range(150))
    view = correction_form.build(question=QUESTION, answer=text, answer_id=None, turn_id=None)
    parts = [block["element"]["initial_value"] for block in view["blocks"][2:]]  # type: ignore[typeddict-item]
    assert len(parts) == 3
    assert "\n\n".join(part.strip() for part in parts) == text
    assert all(len(part) <= correction_form.FIELD_CHARS for part in parts)
    assert citations.find_cited(correction_form.prepare("5 [[2]](https://a.example)"), {2}) == [2]
