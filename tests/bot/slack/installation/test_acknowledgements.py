"""What Postgres is asked before Slack hears an acknowledgement, where many workspaces have installed the app."""

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from bot.simulator import ADA, GRACE, HELP
from tests.bot.slack.installation.two_workspaces import FIRST, SECOND, TwoWorkspaces

SERVES = "waitress"  # begins the names of the threads that answer requests; others work after that


@pytest.fixture
def asked(two: TwoWorkspaces) -> Iterator[Counter[str]]:
    """Statements and commits before acknowledgements."""
    counts: Counter[str] = Counter()
    engine = two.database.engine

    def count(what: str) -> None:
        if threading.current_thread().name.startswith(SERVES):
            counts[what] += 1

    def note_statement(*_: Any) -> None:
        count("statements")

    def note_commit(_: Any) -> None:
        count("transactions")

    event.listen(engine, "before_cursor_execute", note_statement)
    event.listen(engine, "commit", note_commit)
    yield counts
    event.remove(engine, "before_cursor_execute", note_statement)
    event.remove(engine, "commit", note_commit)


def test_each_delivery_is_stored_in_one_transaction_at_most(two: TwoWorkspaces, asked: Counter[str]) -> None:
    two.read_in("both", "The pelican rule says that pelicans come first.", workspaces=[FIRST, SECOND])
    ada, grace = two.second.person(ADA), two.second.person(GRACE)
    root, answer = "", ""

    def mention() -> None:
        nonlocal root
        root = ada.mention(HELP, "What is the pelican rule?")

    acts: dict[
        str, tuple[Any, int, int, int]
    ] = {  # how many are delivered, transactions and statements of those at most
        "a mention": (mention, 2, 2, 5),  # the twin may wait for the key of the first
        "a direct message": (lambda: ada.write_dm("What is the pelican rule?"), 1, 1, 3),
        "a follow-up": (lambda: ada.say(HELP, "And how many days?", root), 1, 1, 3),
        "chatter in a thread": (lambda: grace.say(HELP, "Nice.", root), 1, 1, 1),
        "chatter in the channel": (lambda: grace.say(HELP, "Nice."), 1, 0, 0),
        "an edit": (lambda: ada.edit(root, f"<@{two.second.app.bot_user_id}> What is the swan rule?"), 1, 1, 3),
        "a command": (lambda: ada.command("/ask", "What is the pelican rule?", HELP), 1, 1, 3),
        "a thumb": (lambda: ada.click(answer, "docent_feedback", None), 1, 1, 1),
        "a cross": (lambda: grace.react(root, "x"), 1, 1, 2),
        "the home tab": (ada.open_home, 1, 0, 0),
        "somebody who joins": (lambda: two.second.leave(HELP, GRACE), 1, 1, 2),
        "the end": (two.second.uninstall, 2, 2, 3),
    }
    for name, (act, n_deliveries, n_transactions, n_statements) in acts.items():
        if name == "a thumb":
            two.run()
            answer = [m.ts for m in two.second.thread(HELP, root) if m.user == two.second.app.bot_user_id][-1]
        n_before = len(two.second.deliveries)
        asked.clear()
        act()
        made = two.wait_for(
            lambda n=n_before, more=n_deliveries: (
                len(found := two.second.deliveries[n:]) >= more and found  # type: ignore[misc]
            )
        )
        assert [one.is_acked for one in made] == [True] * n_deliveries, name
        assert (asked["transactions"] <= n_transactions, asked["statements"] <= n_statements) == (True, True), (
            name,
            asked,
        )
