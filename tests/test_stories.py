"""What a person in Slack sees, whatever happens behind it. Each story once, in the open."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import ingest.settings
from bot.simulator import ADA, GENERAL, GRACE, HELP, HR, LINUS, FaultRule, SlackMessage
from bot.simulator.people.person import Person
from bot.simulator.stores.pending_events import FailureReason
from bot.slack.channels import thread_menu
from bot.slack.installation.manifest import SHORTCUT
from bot.slack.interactions import private_offer
from ingest.library import Library
from tests.library import sync_folder
from tests.proxy import Proxy
from tests.scripted_model import Break, Call, Fail, Hang, Line, Say, ScriptedModel
from tests.system import QUESTION, System, ack_body

ANSWER = "You can carry over 5 days of annual leave [1]."


@pytest.fixture
def model(world: System) -> Iterator[ScriptedModel]:
    """A scripted language model that the worker is set up to use."""
    with ScriptedModel(lambda request: Say(ANSWER)) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        yield model


# Once


def test_the_same_event_three_times_and_its_twin_give_one_reply(world: System) -> None:
    world.start("web", "worker", "clock")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1)

    for event_id in list(world.workspace.pending_events.envelopes):
        for number in (1, 2):
            world.workspace.redeliver(event_id, retry_num=number, reason=FailureReason.HTTP_TIMEOUT)

    types = {delivery.event_type for delivery in world.workspace.deliveries if delivery.is_acked}
    assert types == {"app_mention", "message"}
    assert len(world.turns()) == 1
    assert len(world.replies(HELP, ts)) == 1


def test_two_questions_in_one_thread_at_once_give_two_answers_in_order(
    world: System, model: ScriptedModel
) -> None:
    model.script = lambda request: Say(f"Answer to: {_asked(request)} [1].", seconds=0.3)
    world.start("web", "worker", "clock")
    ada = world.workspace.person(ADA)
    root = ada.say(HELP, "Good morning")
    ada.mention(HELP, "How many days of annual leave do I have?", root)
    ada.mention(HELP, "What may a hotel cost per night?", root)

    first, second = world.wait_for_turns(2)

    assert first.finished_at <= second.started_at
    replies = [reply.plain for reply in world.replies(HELP, root)]
    assert len(replies) == 2
    assert first.question in replies[0]
    assert second.question in replies[1]


def test_a_waiting_question_that_is_deleted_gets_no_answer_and_an_edited_one_is_answered_as_edited(
    world: System,
) -> None:
    world.start("web", "clock")
    ada = world.workspace.person(ADA)
    deleted = ada.mention(HELP, QUESTION)
    with_replies = ada.mention(HELP, QUESTION)
    world.workspace.person(GRACE).say(HELP, "Good question", with_replies)
    edited = ada.mention(HELP, "How long must a passwort be?")
    world.wait_for_turns(3, "queued")
    ada.delete(deleted)
    ada.delete(with_replies)
    ada.edit(edited, f"<@{world.workspace.app.bot_user_id}> What may a hotel cost per night?")
    world.wait_for_turns(2, "cancelled")
    world.wait_for(lambda: all("hotel" in turn.question for turn in world.turns("queued")))
    world.start("worker")
    world.wait_for_turns(1)
    assert [len(world.replies(HELP, ts)) for ts in (deleted, with_replies, edited)] == [0, 0, 1]
    assert "140 euros" in world.replies(HELP, edited)[0].plain


def test_a_question_that_slack_gave_up_delivering_is_found_and_answered_once(world: System) -> None:
    """The web process is away for longer than Slack tries. A follow-up and a direct message are found, too."""
    world.env["DOCENT_CATCH_UP_HOURS"] = "24"
    ada = world.workspace.person(ADA)
    world.start("web", "worker", "clock")
    first = ada.mention(HELP, QUESTION)
    world.wait_for_turns(1)
    world.kill("web")
    subscriptions, world.workspace.app.subscriptions = world.workspace.app.subscriptions, ()
    missed = [ada.mention(HELP, "How long must a password be?"), ada.mention(HR, "May I book a hotel?")]
    ada.say(HELP, "And how many days do I have?", first)
    world.workspace.person(GRACE).say(HELP, "Chatter", first)
    direct = ada.write_dm("What may a hotel cost per night?")
    world.workspace.app.subscriptions = subscriptions
    world.start("web")
    world.wait_for_turns(5)
    assert [len(world.replies(HELP, ts)) for ts in (first, missed[0])] == [2, 1]
    assert (len(world.replies(HR, missed[1])), len(world.replies(ada.dm, direct))) == (1, 1)
    assert len(world.turns()) == 5


# Who is answered


def test_a_follow_up_needs_no_mention_from_the_person_who_asked(world: System) -> None:
    world.start("web", "worker", "clock")
    ada, grace = world.workspace.person(ADA), world.workspace.person(GRACE)
    ts = ada.mention(HELP, QUESTION)
    world.wait_for_turns(1)

    grace.say(HELP, "Nice, thanks for asking that", ts)
    ada.say(HELP, f"<@{GRACE}> did you know this?", ts)
    ada.say(HELP, "And what may a hotel cost per night?", ts)
    grace.say(HELP, "Chatter outside of the thread")

    _, follow_up = world.wait_for_turns(2)
    world.wait_for(lambda: all(d.is_acked for d in world.workspace.deliveries))
    assert (follow_up.origin, follow_up.question) == ("thread", "And what may a hotel cost per night?")
    assert len(world.turns()) == 2
    assert "140 euros" in world.replies(HELP, ts)[1].plain


def test_a_direct_message_is_answered_in_a_thread_of_its_own(world: System) -> None:
    world.start("web", "worker", "clock")
    ada = world.workspace.person(ADA)
    ts = ada.write_dm("How long must a password be?")
    world.wait_for_turns(1)
    (reply,) = world.replies(ada.dm, ts)
    assert "14 characters" in reply.plain


def test_the_command_answers_the_asker_only(world: System) -> None:
    world.start("web", "worker", "clock")
    ack = world.workspace.person(ADA).command("/ask", "How long must a password be?", GENERAL)
    assert "for your eyes only" in ack_body(ack)["text"]
    world.wait_for_turns(1)
    answers = [m for m in world.workspace.ephemerals(ADA) if "14 characters" in m.plain]
    assert len(answers) == 1
    assert world.workspace.ephemerals(GRACE) == []


def test_a_message_is_asked_about_by_emoji_and_by_shortcut_and_a_thread_is_muted_in_its_menu(
    world: System,
) -> None:
    world.env["DOCENT_ASK_EMOJI"] = ":question:"
    world.start("web", "worker", "clock")
    ada, grace = world.workspace.person(ADA), world.workspace.person(GRACE)
    root = grace.say(HELP, "Good morning")
    reply = grace.say(HELP, QUESTION, root)
    ada.react(reply, "question")
    world.wait_for_turns(1)
    (answer,) = world.replies(HELP, root)
    assert "5 days" in answer.plain

    ada.use_shortcut(reply, SHORTCUT)
    world.wait_for_turns(2)
    world.wait_for(lambda: any("5 days" in message.plain for message in world.workspace.ephemerals(ADA)))
    assert world.workspace.ephemerals(GRACE) == []

    ada.click(answer.ts, thread_menu.ACTION, "muted")
    ada.say(HELP, "And what may a hotel cost per night?", root)
    ada.mention(HELP, "How long must a password be?")
    world.wait_for_turns(3)
    world.wait_for(lambda: all(d.is_acked for d in world.workspace.deliveries))
    assert [turn.origin for turn in world.query("SELECT origin FROM turns ORDER BY id")] == [
        "reaction",
        "shortcut",
        "mention",
    ]
    assert len(world.replies(HELP, root)) == 1


def test_a_command_without_a_question_says_how_to_use_it(world: System) -> None:
    world.start("web")
    ack = world.workspace.person(ADA).command("/ask", "  ", GENERAL)
    assert "Write your question after the command" in ack_body(ack)["text"]
    assert world.turns() == []


def test_a_mention_without_a_question_is_greeted(world: System) -> None:
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, "")
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert "Ask me something" in reply.plain
    assert "“Travel”" in reply.plain  # a document that all who see it may read


def test_events_come_through_socket_mode_as_well(world: System) -> None:
    world.workspace.app.request_url = None
    world.env |= {"SLACK_APP_TOKEN": world.workspace.app.app_token}
    world.start("web", "worker", "clock")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert "5 days" in reply.plain
    ack = world.workspace.person(ADA).command("/ask", QUESTION, HELP)
    assert "for your eyes only" in ack_body(ack)["text"]
    world.wait_for_turns(2)


# What is answered


def test_nothing_found_gives_an_honest_sentence(world: System) -> None:
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, "What is the boiling point of tungsten?")
    (turn,) = world.wait_for_turns(1)
    assert turn.reason == "no_evidence"
    (reply,) = world.replies(HELP, ts)
    assert "nothing" in reply.plain.lower()


def test_what_the_asker_alone_may_read_is_offered_to_them_alone(world: System) -> None:
    library = Library(world.database, ingest.settings.IngestSettings(index_uri=world.env["DOCENT_INDEX_URI"]))
    (world.folder / "own").mkdir()
    (world.folder / "own" / "page.md").write_text("# Locker\n\nThe locker in the yard has the code 4711.\n")
    sync_folder(library, str(world.folder / "own"), readers=[f"user:{ADA}"])
    world.start("web", "worker", "clock")
    ada, grace = world.workspace.person(ADA), world.workspace.person(GRACE)
    ada.mention(HELP, QUESTION)  # nothing better
    world.wait_for_turns(1)
    ts = ada.mention(HELP, "What is the code of the locker in the yard?")
    world.wait_for_turns(2)
    (offer,) = world.wait_for(lambda: world.workspace.ephemerals(ADA) or None)
    assert "you may read, but not everybody here" in offer.plain
    assert "locker" not in offer.plain.lower()
    assert all("4711" not in reply.plain for reply in world.replies(HELP, ts))
    grace.mention(HELP, "What is the code of the locker in the yard?")
    world.wait_for_turns(3)

    ada.click(offer.ts, private_offer.ACTION)
    world.wait_for_turns(4)
    assert any("4711" in message.plain for message in world.workspace.ephemerals(ADA))
    assert world.workspace.ephemerals(GRACE) == []
    assert all("4711" not in message.plain for message in world.workspace.history(HELP))


def test_a_channel_that_becomes_shared_is_answered_for_another_company_from_then_on(world: System) -> None:
    world.start("web", "worker", "clock")
    ada = world.workspace.person(ADA)
    ts = ada.mention(HELP, QUESTION)
    world.wait_for_turns(1)
    assert "5 days" in world.replies(HELP, ts)[0].plain

    world.workspace.share(HELP)
    world.wait_for(lambda: world.query("SELECT subject FROM membership_changes"))
    ada.say(HELP, "And how many days of annual leave per year?", ts)
    world.wait_for_turns(2)
    after = world.replies(HELP, ts)[1]
    assert "28 days" not in after.plain
    assert "searched only what all of you may read" in after.plain
    (prompts,) = world.query(
        "SELECT string_agg(content::text, ' ') FROM messages WHERE turn_id IN (SELECT id FROM turns WHERE seq = 2)"
    )
    assert "5 days" not in prompts[0]


def test_a_document_for_a_channel_answers_there_and_one_for_a_person_only_that_person(world: System) -> None:
    library = Library(world.database, ingest.settings.IngestSettings(index_uri=world.env["DOCENT_INDEX_URI"]))
    for name, reader, text in (
        ("hr", f"channel:{HR}", "The bonus of the sales team is 7 percent."),
        ("own", f"user:{ADA}", "The locker in the yard has the code 4711."),
    ):
        (world.folder / name).mkdir()
        (world.folder / name / "page.md").write_text(f"# {name}\n\n{text}\n")
        sync_folder(library, str(world.folder / name), readers=[reader])
    world.start("web", "worker", "clock")
    ada, grace = world.workspace.person(ADA), world.workspace.person(GRACE)
    bonus, locker = "What is the bonus of the sales team?", "What is the code of the locker in the yard?"

    def answers(person: Person, question: str, channel: str) -> bool:
        """Whether it was answered with what only some may read."""
        n_before = len(world.turns())
        ts = person.write_dm(question) if channel == person.dm else person.mention(channel, question)
        world.wait_for_turns(n_before + 1)
        (reply,) = world.replies(channel, ts)
        return "7 percent" in reply.plain or "4711" in reply.plain

    linus = world.workspace.person(LINUS)
    assert [answers(ada, bonus, channel) for channel in (HR, HELP, ada.dm)] == [True, False, True]
    assert not answers(linus, bonus, linus.dm)  # who is not in the channel
    assert [answers(ada, locker, channel) for channel in (ada.dm, HR)] == [True, False]
    assert not answers(grace, locker, grace.dm)
    n_before = len(world.turns())
    grace.command("/ask", locker, HELP)
    ada.command("/ask", locker, HELP)
    world.wait_for_turns(n_before + 2)
    assert not any("4711" in message.plain for message in world.workspace.ephemerals(GRACE))
    assert any("4711" in message.plain for message in world.workspace.ephemerals(ADA))


def test_the_model_is_down_and_the_answer_is_quoted_and_says_so(world: System, model: ScriptedModel) -> None:
    model.script = lambda request: Fail(500)
    world.env |= {"DOCENT_MODEL_RETRIES": "1"}
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    (turn,) = world.wait_for_turns(1)
    assert turn.reason == "provider_down"
    (reply,) = world.replies(HELP, ts)
    assert "5 days" in reply.plain
    assert "cannot be reached" in reply.plain
    assert [call.status for call in world.query("SELECT status FROM model_calls ORDER BY id")] == [
        "failed",
        "completed",
    ]


def test_over_budget_the_documents_are_quoted_and_the_thread_says_until_when(
    world: System, model: ScriptedModel
) -> None:
    world.env |= {
        "DOCENT_MODEL_PRICES": "openai/scripted=1000/1000",
        "DOCENT_BUDGET_CHANNEL_DAY_USD": "0.10",
        "DOCENT_BUDGET_PERSON_DAY_USD": "none",
        "DOCENT_MAX_USD": "100",
        "DOCENT_TIME_ZONE": "Europe/Paris",
    }
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    (turn,) = world.wait_for_turns(1)
    assert (turn.reason, turn.cost_usd, model.requests) == ("budget", 0, [])
    (reply,) = world.replies(HELP, ts)
    assert "at most 5 days" in reply.plain
    assert "This channel's budget for the language model for today is used up; it opens again on" in reply.plain
    assert "(Europe/Paris)" in reply.plain


def test_a_provider_that_hangs_costs_one_wait_for_all_workers_and_the_next_model_answers(
    world: System, model: ScriptedModel
) -> None:
    gone = threading.Event()
    model.script = lambda request: Hang(gone)
    with ScriptedModel(lambda request: Say(ANSWER)) as spare:
        world.env |= {
            "DOCENT_FALLBACK_MODELS": f"openai/spare@{spare.base_url}",
            "DOCENT_STALL_SECONDS": "1",
            "DOCENT_BREAKER_SECONDS": "600",  # nobody looks again meanwhile, however slow the machine
        }
        world.start("web", "worker", "worker")
        ada = world.workspace.person(ADA)
        first = ada.mention(HELP, QUESTION)
        world.wait_for_turns(1)
        threads = [first, *(ada.mention(HELP, f"{QUESTION} ({n})") for n in range(6))]
        world.wait_for_turns(7)
    gone.set()
    assert len(model.requests) == 1
    assert all("5 days" in world.replies(HELP, ts)[0].plain for ts in threads)


def test_a_guess_is_not_shown_and_the_closest_documents_are_named(world: System, model: ScriptedModel) -> None:
    model.script = lambda request: Say("A hotel surely costs 90 euros, as everywhere.", seconds=1)
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, "How much may a hotel in Reykjavik cost?")
    (turn,) = world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert turn.reason == "no_evidence"
    assert "90 euros" not in reply.plain
    assert "I found nothing in the documents" in reply.plain
    assert "Closest documents:" in reply.plain


def test_the_model_searches_again_and_reads_before_it_answers(world: System, model: ScriptedModel) -> None:
    steps: list[Line] = [
        Call([("search_docs", {"query": "hotel price per night"})], text="Let me look that up."),
        Call([("search_docs", {"nonsense": 1}), ("no_such_tool", {}), ("search_docs", "no json")]),
        Say("A hotel may cost 140 euros [1]. Nobody said this [77]. See https://evil.example/x."),
    ]
    model.script = lambda request: steps[len(model.requests) - 1]
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, "What may a hotel cost?")
    (turn,) = world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert "140 euros" in reply.plain
    assert "Let me look" not in reply.plain
    assert "[77]" not in reply.plain
    assert "evil.example" not in reply.plain
    assert turn.n_steps == 3
    results = [message["content"] for message in model.requests[2]["messages"] if message["role"] == "tool"]
    assert "nonsense" in results[1]
    assert "no_such_tool" in results[2]
    assert "not a JSON object" in results[3]


def test_the_step_limit_buys_a_closing_call_and_says_so(world: System, model: ScriptedModel) -> None:
    def script(request: dict[str, object]) -> Say | Call:
        if request.get("tool_choice") == "none":
            return Say("As far as I got: 5 days [1].")
        return Call([("search_docs", {"query": f"leave {len(model.requests)}"})])

    model.script = script
    world.env |= {"DOCENT_MAX_STEPS": "3"}
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    (turn,) = world.wait_for_turns(1)
    assert (turn.reason, turn.n_steps, len(model.requests)) == ("steps", 3, 3)
    (reply,) = world.replies(HELP, ts)
    assert "As far as I got: 5 days" in reply.plain
    assert "allowed number of steps" in reply.plain


# How it appears


def test_a_slow_answer_streams_and_ends_with_sources_and_buttons(world: System, model: ScriptedModel) -> None:
    model.script = lambda request: Say("word " * 30 + ANSWER, seconds=6)
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for(lambda: (r := world.replies(HELP, ts)) and r[0].streaming_state == "in_progress")
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert reply.streaming_state == "completed"
    assert reply.markdown.count("word") == 30
    assert "Sources:" in reply.plain
    assert "Good answer" in reply.plain
    assert len([c for c in world.workspace.calls if c.method == "chat.appendStream"]) >= 2


@pytest.mark.parametrize(
    "code",
    [
        "unknown_method",
        pytest.param("missing_recipient_user_id", marks=pytest.mark.soak),
        pytest.param("channel_type_not_supported", marks=pytest.mark.soak),
    ],
)
def test_slack_refuses_the_stream_and_the_answer_is_posted_and_edited(
    world: System, model: ScriptedModel, code: str
) -> None:
    model.script = lambda request: Say("word " * 30 + ANSWER, seconds=6)
    world.workspace.faults.error("chat.startStream", code, times=None)
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert reply.plain.count("word") == 30
    assert "5 days" in reply.plain
    assert "Sources:" in reply.plain
    assert any(c.method == "chat.update" for c in world.workspace.calls)


def test_a_stream_that_slack_ends_goes_on_as_edits_and_nothing_stands_twice(
    world: System, model: ScriptedModel
) -> None:
    world.workspace.timing.stream_seconds = 1.0
    model.script = lambda request: Say("word " * 40 + ANSWER, seconds=5)
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert reply.plain.count("word") == 40
    assert reply.plain.count("5 days") == 1
    assert "Sources:" in reply.plain


def test_a_broken_model_stream_starts_over_and_leaves_no_trace(world: System, model: ScriptedModel) -> None:
    def script(request: dict[str, object]) -> Say | Break:
        return Break("half of an ans") if len(model.requests) == 1 else Say(ANSWER)

    model.script = script
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert "half of an" not in reply.plain
    assert "5 days" in reply.plain


def test_a_long_answer_is_split_and_nothing_is_cut(world: System, model: ScriptedModel) -> None:
    paragraphs = [f"Paragraph {n} says something about leave [1]. " + "x" * 900 for n in range(30)]
    model.script = lambda request: Say("\n\n".join(paragraphs))
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1)
    replies = world.replies(HELP, ts)
    assert len(replies) == 4
    shown = "\n".join(reply.plain for reply in replies)
    assert all(f"Paragraph {n} says" in shown for n in range(30))
    assert shown.count("x" * 900) == 30
    assert "Sources:" in replies[-1].plain
    assert "Sources:" not in replies[0].plain


# Outages


@pytest.fixture
def redis_proxy(world: System) -> Iterator[Proxy]:
    proxy = Proxy(world.env["REDIS_URL"])
    world.env["REDIS_URL"] = proxy.url
    yield proxy
    proxy.close()


@pytest.fixture
def postgres_proxy(world: System) -> Iterator[Proxy]:
    proxy = Proxy(world.env["DATABASE_URL"])
    world.env["DATABASE_URL"] = proxy.url
    yield proxy
    proxy.close()


def test_redis_is_away_while_the_event_arrives_and_it_is_answered_once_redis_is_back(
    world: System, redis_proxy: Proxy
) -> None:
    world.start("web", "worker", "clock")
    redis_proxy.go_away()
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for(lambda: len(world.turns("queued")) == 1)
    assert world.wait_for(lambda: [d for d in world.workspace.deliveries if d.is_acked])
    redis_proxy.come_back()
    world.wait_for_turns(1)
    assert len(world.replies(HELP, ts)) == 1


def test_postgres_is_away_the_event_is_not_acknowledged_and_is_answered_once_after_redelivery(
    world: System, postgres_proxy: Proxy
) -> None:
    world.start("web", "worker", "clock")
    postgres_proxy.go_away()
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    failed = world.wait_for(lambda: [d for d in world.workspace.deliveries if not d.is_acked])
    assert failed[0].status == 500
    ack = world.workspace.person(ADA).command("/ask", QUESTION, HELP)
    assert "try again in a minute" in ack_body(ack)["text"]
    assert world.turns() == []
    postgres_proxy.come_back()
    world.wait_for_turns(1)
    assert len(world.replies(HELP, ts)) == 1


def test_slack_is_away_while_answering_and_the_answer_is_delivered_when_it_is_back(
    world: System, model: ScriptedModel
) -> None:
    model.script = lambda request: Say(ANSWER, seconds=1)
    world.start("web", "worker", "clock")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    model.wait_for_requests(1)
    world.workspace.faults.pause()
    world.wait_for(lambda: "delivery_postponed" in world.logs())
    world.workspace.faults.resume()
    world.wait_for_turns(1, timeout=120)
    (reply,) = world.replies(HELP, ts)
    assert "5 days" in reply.plain
    assert len(model.requests) == 1  # delivered from the record, not asked again


def test_every_question_is_answered_once_while_slack_fails_every_tenth_call(world: System) -> None:
    faults = world.workspace.faults
    faults.add(FaultRule("rate_limit", probability=0.05, retry_after=1))
    faults.add(FaultRule("status", probability=0.05, status=503))
    faults.add(FaultRule("drop", probability=0.02))
    faults.add(FaultRule("lose_answer", probability=0.05))
    world.start("web", "worker", "clock")
    ada = world.workspace.person(ADA)
    with ThreadPoolExecutor(8) as pool:
        threads = list(pool.map(lambda n: ada.mention(HELP, f"{QUESTION} ({n})"), range(30)))
    world.wait_for_turns(30, timeout=120)
    assert [len(world.replies(HELP, ts)) for ts in threads] == [1] * 30


# Deploys


def test_a_worker_that_is_stopped_gives_its_turn_back_and_another_answers(
    world: System, model: ScriptedModel
) -> None:
    model.script = lambda request: Say("word " * 20 + ANSWER, seconds=2 if len(model.requests) == 1 else 0)
    world.start("web", "worker", "clock")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    model.wait_for_requests(1)
    world.stop("worker")
    world.start("worker")
    (turn,) = world.wait_for_turns(1)
    assert turn.attempt == 1  # giving back does not count
    assert len(world.replies(HELP, ts)) == 1


def _asked(request: dict[str, object]) -> str:
    messages: list[dict[str, str]] = request["messages"]  # type: ignore[assignment]
    return messages[-1]["content"].split("\n")[0]


def test_a_layout_that_slack_refuses_is_sent_as_plain_markdown(world: System) -> None:
    world.workspace.faults.error("chat.postMessage", "msg_blocks_too_long", times=1)
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert "5 days" in reply.plain


# Unasked


def test_a_scheduled_question_is_set_up_asked_once_by_several_clocks_and_answered_for_the_channel(
    world: System,
) -> None:
    world.start("web", "worker", "clock", "clock")
    ada = world.workspace.person(ADA)
    ada.command("/docent", f"every day 9:00 {QUESTION}", HELP)
    (said,) = world.wait_for(lambda: world.workspace.ephemerals(ADA))
    assert "I ask this here every day at 9:00 (Europe/London)" in said.plain
    world.query("UPDATE scheduled_questions SET next_at = now() RETURNING 1")
    (turn,) = world.wait_for_turns(1)
    world.query("UPDATE scheduled_questions SET next_at = now() RETURNING 1")
    world.wait_for_turns(2)  # the same answer a day later
    bot = world.workspace.app.bot_user_id
    (post,) = [message for message in world.workspace.history(HELP) if message.user == bot]
    assert "5 days" in post.plain
    assert turn.reason == "answered"
    assert [one.reason for one in world.turns() if one.id != turn.id] == ["unchanged"]
    ada.command("/docent", "every remove 1", HELP)
    world.wait_for(lambda: not world.query("SELECT 1 FROM scheduled_questions"))


def test_a_weekly_report_is_posted_once_by_several_clocks_also_after_one_was_killed(world: System) -> None:
    world.env["DOCENT_REPORT_CHANNEL"] = GENERAL
    world.start("web", "worker")
    world.workspace.person(ADA).mention(HELP, "Who feeds the zanzibar yeti?")
    world.wait_for_turns(1)
    world.query("UPDATE turns SET created_at = created_at - interval '7 days' RETURNING id")
    world.workspace.faults.add(FaultRule("lose_answer", "chat.postMessage", times=1))
    world.start("clock", "clock")
    world.wait_for(lambda: _reports(world))
    world.kill("clock")
    world.start("clock")
    sent = "SELECT 1 FROM notices WHERE subject LIKE 'report:%' AND sent_at IS NOT NULL"
    world.wait_for(lambda: world.query(sent))
    (report,) = _reports(world)
    assert "“Who feeds the zanzibar yeti?”  ·  once  ·  <https://" in str(report.blocks)


def _reports(world: System) -> list[SlackMessage]:
    return [m for m in world.workspace.history(GENERAL) if m.user == world.workspace.app.bot_user_id]
