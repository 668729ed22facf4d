"""What a person sees while the bot works, and what they can do about it: steps, Stop, feedback, suggestions."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bot.simulator import ADA, HELP, FaultRule, SlackMessage
from tests.scripted_model import Call, Hang, Say, ScriptedModel
from tests.system import QUESTION, System, ack_body

ANSWER = "You can carry over 5 days of annual leave [1]."
LONG_ANSWER = ANSWER + " " + "Ask your manager in time. " * 40


@pytest.fixture
def model(world: System) -> Iterator[ScriptedModel]:
    """A scripted language model that the worker is set up to use."""
    with ScriptedModel(lambda request: Say(ANSWER)) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        yield model


def test_while_the_model_thinks_the_steps_are_shown_with_a_stop_button(
    world: System, model: ScriptedModel
) -> None:
    go_on = threading.Event()
    model.script = lambda request: Hang(go_on)
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)

    def find_shown() -> SlackMessage | None:
        replies = world.replies(HELP, ts)
        is_done = bool(replies) and [card["status"] for card in _cards(replies[0])] == ["complete"]
        return replies[0] if is_done else None

    reply = world.wait_for(find_shown)
    assert reply.streaming_state == "in_progress"
    (card,) = _cards(reply)
    assert card["title"] == "Searched the documents"
    assert card["details"] == QUESTION
    assert "passage" in card["output"]
    assert card["sources"][0]["url"] == "https://handbook.example/leave"
    assert world.workspace.threads.sessions[(_channel(world), ts)].status == "processing"
    go_on.set()


def test_the_answer_follows_its_steps_in_one_message(world: System, model: ScriptedModel) -> None:
    def script(request: dict[str, Any]) -> Call | Say:
        if any(m["role"] == "tool" for m in request["messages"]):
            return Say(LONG_ANSWER, seconds=1.5)
        return Call([("search_docs", {"query": "carry over <!channel> https://evil.example"})])

    model.script = script
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1)

    (reply,) = world.replies(HELP, ts)
    assert reply.streaming_state == "completed"
    first, second = _cards(reply)
    assert first["details"] == QUESTION
    assert "<!channel>" not in second["details"]
    assert "evil.example" not in second["details"]
    assert {first["status"], second["status"]} == {"complete"}
    assert reply.markdown.startswith("You can carry over 5 days")
    assert len(world.workspace.calls_of("chat.startStream")) == 1
    assert world.workspace.threads.sessions[(_channel(world), ts)].status == "active"


def test_stop_ends_an_answer_that_streams_and_keeps_what_was_said(world: System, model: ScriptedModel) -> None:
    model.script = lambda request: Say(LONG_ANSWER, seconds=30)
    world.start("web", "worker")
    ada = world.workspace.person(ADA)
    ts = ada.mention(HELP, QUESTION)
    world.wait_for(lambda: any(reply.markdown for reply in world.replies(HELP, ts)))

    ada.stop(HELP, ts)

    (turn,) = world.wait_for_turns(1, status="cancelled", timeout=120)
    (reply,) = world.replies(HELP, ts)
    assert turn.reason == "stopped"
    assert reply.plain.startswith("Searched the documents\n")  # its steps stay
    assert "\nYou can" in reply.plain
    assert "Stopped before the answer was complete." in reply.plain
    assert world.workspace.threads.sessions[(_channel(world), ts)].status == "active"


def test_stop_is_heard_while_the_model_says_nothing_at_all(world: System, model: ScriptedModel) -> None:
    never = threading.Event()
    model.script = lambda request: Hang(never)
    world.start("web", "worker")
    ada = world.workspace.person(ADA)
    ts = ada.mention(HELP, QUESTION)
    world.wait_for(lambda: any("Searched the documents" in reply.plain for reply in world.replies(HELP, ts)))

    ada.stop(HELP, ts)

    world.wait_for_turns(1, status="cancelled", timeout=120)
    (reply,) = world.replies(HELP, ts)
    assert reply.plain.startswith("Searched the documents\n")
    assert reply.plain.endswith("\nStopped.")
    never.set()


@pytest.mark.parametrize("on", ["question", pytest.param("answer", marks=pytest.mark.soak)])
def test_a_cross_by_the_asker_stops_as_the_button_does(world: System, model: ScriptedModel, on: str) -> None:
    never = threading.Event()
    model.script = lambda request: Hang(never)
    world.start("web", "worker")
    ada = world.workspace.person(ADA)
    ts = ada.mention(HELP, QUESTION)
    (shown,) = world.wait_for(lambda: world.replies(HELP, ts))
    world.wait_for(lambda: world.query("SELECT 1 FROM replies WHERE ts = :ts", ts=shown.ts))  # nobody is quicker
    ada.react(ts if on == "question" else shown.ts, "x")
    world.wait_for_turns(1, status="cancelled", timeout=120)
    assert "Stopped." in world.replies(HELP, ts)[0].plain.splitlines()
    never.set()


def test_a_question_that_is_edited_while_it_is_answered_is_answered_as_it_is_now(
    world: System, model: ScriptedModel
) -> None:
    """The web process stores the edit, and the worker, another process, begins again."""

    def script(request: dict[str, Any]) -> Say:
        is_edited = "hotel" in str(request["messages"])
        return Say("A hotel may cost 140 euros [1].") if is_edited else Say(LONG_ANSWER, seconds=60)

    model.script = script
    world.start("web", "worker")
    ada = world.workspace.person(ADA)
    ts = ada.mention(HELP, QUESTION)
    world.wait_for(lambda: any(reply.markdown for reply in world.replies(HELP, ts)))
    ada.edit(ts, f"<@{world.workspace.app.bot_user_id}> What may a hotel cost per night?")
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert "140 euros" in reply.plain
    assert "5 days" not in reply.plain
    ada.edit(ts, f"<@{world.workspace.app.bot_user_id}> {QUESTION}")
    (offer,) = world.wait_for(lambda: world.workspace.ephemerals(ADA))
    model.script = lambda request: Say(ANSWER)
    ada.click(offer.ts, "docent_answer_again")
    world.wait_for_turns(2)
    assert "5 days" in world.replies(HELP, ts)[1].plain


def test_what_takes_long_before_the_first_step_has_a_status(world: System, model: ScriptedModel) -> None:
    """Here the look at who is in the channel, for which Slack takes its time."""
    world.workspace.faults.slow("conversations.members", seconds=2, times=None)
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1)
    methods = [call.method for call in world.workspace.calls]
    assert methods.index("assistant.threads.setStatus") < methods.index("conversations.members")
    assert world.workspace.status(_channel(world), ts) == ""


def test_after_a_stop_the_thread_goes_on(world: System, model: ScriptedModel) -> None:
    model.script = lambda request: Say(LONG_ANSWER, seconds=30)
    world.start("web", "worker")
    ada = world.workspace.person(ADA)
    ts = ada.mention(HELP, QUESTION)
    world.wait_for(lambda: world.replies(HELP, ts))
    ada.stop(HELP, ts)
    world.wait_for_turns(1, status="cancelled")
    model.script = lambda request: Say(ANSWER)

    ada.say(HELP, "And what may a hotel cost?", ts)

    world.wait_for_turns(1)
    assert "5 days" in world.replies(HELP, ts)[1].plain


def test_a_stop_that_is_delivered_again_does_not_stop_the_next_question(
    world: System, model: ScriptedModel
) -> None:
    model.script = lambda request: Say(LONG_ANSWER, seconds=30)
    world.start("web", "worker")
    ada = world.workspace.person(ADA)
    ts = ada.mention(HELP, QUESTION)
    world.wait_for(lambda: world.replies(HELP, ts))
    ada.stop(HELP, ts)
    world.wait_for_turns(1, status="cancelled")
    envelopes = world.workspace.pending_events.envelopes.values()
    (stop,) = [e for e in envelopes if e["event"]["type"] == "agent_session_stopped"]
    model.script = lambda request: Say(LONG_ANSWER, seconds=3)
    ada.say(HELP, "And what may a hotel cost?", ts)
    world.wait_for(lambda: len(world.replies(HELP, ts)) == 2)

    world.workspace.redeliver(stop["event_id"])

    world.wait_for_turns(1)


def test_calls_with_the_same_id_have_cards_of_their_own(world: System, model: ScriptedModel) -> None:
    def script(request: dict[str, Any]) -> Call | Say:
        n = sum(m["role"] == "tool" for m in request["messages"])
        return Call([("search_docs", {"query": f"leave {n}"})]) if n < 2 else Say(LONG_ANSWER, seconds=1.5)

    model.script = script
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert [card["details"] for card in _cards(reply)] == [QUESTION, "leave 0", "leave 1"]


def test_where_slack_takes_no_message_it_is_not_asked_again_and_again(world: System, model: ScriptedModel) -> None:
    for method in ("chat.startStream", "chat.postMessage", "chat.update"):
        world.workspace.faults.add(FaultRule("error", method=method, code="is_archived"))
    model.script = lambda request: Say(LONG_ANSWER, seconds=4)
    world.start("web", "worker")
    world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1, status="failed")
    assert len(world.workspace.calls_of("chat.postMessage")) <= 4


def test_thumbs_down_asks_why_and_stores_the_reason(world: System) -> None:
    world.start("web", "worker")
    ada = world.workspace.person(ADA)
    ts = ada.mention(HELP, QUESTION)
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    ada.click(reply.ts, "docent_feedback", "negative")
    (form,) = world.wait_for(ada.modals)

    nothing_said = ada.submit(form["id"])
    assert ack_body(nothing_said)["response_action"] == "errors"
    option = form["blocks"][0]["element"]["options"][2]
    chosen = {"type": "radio_buttons", "selected_option": option}
    ada.submit(form["id"], {"kind": {"kind": chosen}, "comment": {"comment": "It is 6 days since May."}})

    (thanks,) = ada.modals()
    assert "Thank" in str(thanks)
    ada.click(reply.ts, "docent_feedback", "negative")  # once more, without a word: what was said stays
    (row,) = world.query("SELECT user_id, rating, comment FROM feedback")
    assert row == (ADA, -1, "It is out of date: It is 6 days since May.")


def test_thumbs_up_is_stored_and_asks_nothing(world: System) -> None:
    world.start("web", "worker")
    ada = world.workspace.person(ADA)
    ts = ada.mention(HELP, QUESTION)
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    ada.click(reply.ts, "docent_feedback", "positive")
    assert world.query("SELECT rating, comment FROM feedback") == [(1, None)]
    assert ada.modals() == []


def test_opening_the_direct_messages_suggests_questions(world: System) -> None:
    world.env |= {"DOCENT_SUGGESTED_PROMPTS": f"{QUESTION}| How long must a password be? |"}
    world.start("web")
    ada = world.workspace.person(ADA)
    ada.open_home("home")
    ada.open_home("messages")
    prompts = world.wait_for(lambda: world.workspace.threads.prompts.get((ada.dm, "")))
    assert [prompt["message"] for prompt in prompts] == [QUESTION, "How long must a password be?"]
    assert len(world.workspace.calls_of("assistant.threads.setSuggestedPrompts")) == 1


def _cards(reply: SlackMessage) -> list[dict[str, Any]]:
    return [block for block in reply.all_blocks() if block["type"] == "task_card"]


def _channel(world: System) -> str:
    return world.workspace.directory.find_channel(HELP).id
