"""``docent sessions show``: what was done, what the model saw, what it cost, where it went wrong."""

from io import StringIO
from typing import Any

from rich.console import Console
from sqlalchemy import text

from agent.store.database import Database
from agent.types import Message
from bot.cli import session_report
from bot.record import session_query
from bot.record.records import SessionRecord
from tests.recorded import SYSTEM, Recorded, searched_again

SAW = "instructions 7 (aaaaaaaa), 0 earlier turns, 1 passage ([1] Leave), 1 tool offered (search_docs)"


def told(turn: Recorded) -> SessionRecord:
    return session_query.load(turn.database, str(turn.id))


def shown(turn: Recorded, *, is_full: bool = False, colour: bool = False) -> str:
    out = StringIO()
    system: Any = "standard" if colour else None
    console = Console(
        file=out, width=160, soft_wrap=True, highlight=False, force_terminal=colour, color_system=system
    )
    session_report.print_session(console, told(turn), is_full=is_full)
    return out.getvalue()


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_the_whole_story_of_a_good_answer(database: Database) -> None:
    turn = searched_again(database).rate(1, "Thanks!", user="U2")
    told = lines(shown(turn))
    assert told[0].startswith("slack:T1:C1:1.1  completed  ")
    assert "turn 1  completed: answered" in told[1]
    assert told[2].startswith("U1 in C1 (mention), ")
    assert ", queued " in told[2]
    assert ", worked " in told[2]
    assert told[3] == "How many days?"
    rest = [line.partition("s ")[2] if line.startswith("+") else line for line in told[4:]]
    assert rest == [
        'search_docs(query="How many days?") (opening call)  12 ms',
        "→ 1 passage",
        "→   [1] Leave › Annual  0.91",
        "openai/scripted step  1.5 s",
        f"saw 2 messages, {SAW}, ~150 tokens",
        "sent max_tokens=2000, temperature=0",
        "→ 1,000 (400 cached) + 50 tokens, $0.002000, first token after 400 ms, tool_calls",
        'search_docs(query="carry over")  8 ms',
        "→ 1 passage",
        "→   [1] Leave › Annual  0.91",
        "openai/scripted step  1.5 s",
        f"saw 4 messages, {SAW}, ~314 tokens",
        "sent max_tokens=2000, temperature=0",
        "→ 1,000 (400 cached) + 50 tokens, $0.002000, first token after 400 ms, stop",
        "At most 5 days [1].",
        "*[1] Leave › Annual  0.91  https://handbook.example/leave",
        "* cited",
        "👍 U2: Thanks!",
        "attempt 1, 2 steps, 2,000 (800 cached) + 100 tokens, $0.004000, model openai/scripted, release 1.0, "
        "instructions 7 (aaaaaaaa), settings bbbbbbbb, embedding static, index 3",
    ]


def test_what_went_wrong_stands_out(database: Database) -> None:
    turn = Recorded.begin(database)
    messages: list[Message] = [SYSTEM, turn.open()]
    turn.ask(messages, None, error="the provider said 503", n_tries=3)
    turn.ask(messages, {"role": "assistant", "content": "…"}, attempt=2, n_tries=2)
    turn.tool("c1", position=2, result={"error": "No such document."}, is_error=True)
    turn.tool("c2", position=3, result={"error": "Often enough.", "is_refused": "repeats"}, is_error=True)
    turn.tool("c3", position=4, result=None)
    turn.tool("c4", position=5, result={"passages": []})
    turn.ask(messages, None)
    turn.end(None, status="failed", reason="error", error_id="E-1").rate(-1, "Nothing came")
    told = shown(turn, colour=True)
    red, yellow, end = "\x1b[31m", "\x1b[33m", "\x1b[0m"
    for words in (
        "failed: an unexpected error",
        "error E-1",
        "failed: the provider said 503",
        "No such document.",
        "started, never finished",
        "👎",
    ):
        assert f"{red}{words}{end}" in told, words
    for words in ("3 tries", "2 tries", "attempt 2", "Often enough.", "no passages"):
        assert f"{yellow}{words}{end}" in told, words
    assert told.count("never finished") == 1  # the tool call without a result
    assert told.count("broken off: the turn ended") == 1  # the model call without an end


def test_a_turn_under_way_is_told_as_far_as_it_is(database: Database) -> None:
    turn = Recorded.begin(database)
    turn.ask([SYSTEM, turn.open()], None)
    turn.tool("c1", position=2, result=None)
    told = shown(turn)
    assert "turn 1  running" in told
    assert told.count("→ still running") == 2
    assert "never finished" not in told
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET attempt = 2"))
    assert "started, never finished, $0.0100 held" in shown(turn)  # whoever made the first attempt died
    assert "still running, $0.0100 held" in told


def test_a_limit_is_told_in_words(database: Database) -> None:
    turn = Recorded.begin(database)
    turn.end("As far as I got.", reason="budget")
    assert "completed: stopped because a budget had no room" in shown(turn)


def test_in_full_every_message_is_told_once(database: Database) -> None:
    turn = searched_again(database)
    told = shown(turn, is_full=True)
    assert told.count("Answer from the documents.") == 1
    assert told.count("saw system") == 1
    assert "saw the first 2 messages of the previous call, and:" in told
    assert 'search_docs({"query": "carry over"})' in told
    assert "wrote assistant\nAt most 5 days [1]." in "\n".join(lines(told))


def test_nothing_a_document_says_steers_the_terminal(database: Database) -> None:
    turn = Recorded.begin(database, "Is \x1b]0;owned\x07 [bold]this[/] a title?")
    turn.ask([SYSTEM, {"role": "user", "content": "\x1b[2J [/] gone"}], {"role": "assistant", "content": "\x9b2J"})
    turn.end("So \x1b[31mred")
    told = shown(turn, is_full=True)
    assert not set(told) & {"\x1b", "\x07", "\x9b"}
    assert "[bold]this[/]" in told


def test_what_nobody_counted_is_said_to_be_estimated(database: Database) -> None:
    turn = searched_again(database)
    assert "estimated" not in shown(turn)
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE model_calls SET is_estimated = true"))
    told_ = shown(turn)
    assert "1,000 (400 cached) + 50 tokens (estimated), $0.002000 (estimated)" in told_
    assert "$0.0040 (estimated), model" in told_ or "$0.004000 (estimated), model" in told_
    assert all(call["is_estimated"] for call in told(turn)["turns"][0]["model_calls"])


def test_what_stood_below_the_answer_and_why_it_was_not_delivered(database: Database) -> None:
    turn = searched_again(database)
    with database.transaction() as transaction:
        transaction.execute(
            text(
                "UPDATE turns SET notice = 'A notice.', "
                "delivery_error = 'Slack refused chat.postMessage: is_archived'"
            )
        )
    told = lines(shown(turn))
    assert "below it: A notice." in told
    assert "not delivered where it was asked for: Slack refused chat.postMessage: is_archived" in told
