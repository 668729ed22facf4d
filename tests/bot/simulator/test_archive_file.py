"""The file of an archive stays small, and neither damage nor a full disk keeps a workspace from running."""

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.simulator import ADA, GENERAL, HELP, Workspace, WorkspaceError
from bot.simulator.stores import snapshot
from bot.simulator.stores.archive import PAUSE_SECONDS, Archive
from tests.bot.simulator.conftest import Clock, Open


def kinds(file: Path) -> list[str]:
    """What a process killed now would leave, and the next one find."""
    with closing(sqlite3.connect(file)) as database:
        found = database.execute("SELECT kind FROM kept WHERE kind IN ('message', 'event') ORDER BY rowid")
        return [kind for (kind,) in found]


def test_a_mention_is_kept_together_with_both_its_events_or_not_at_all(file: Path, reopen: Open) -> None:
    workspace = reopen()
    with workspace.lock:
        workspace.person(ADA).mention(HELP, "why?")
        assert kinds(file) == []
    assert kinds(file) == ["message", "event", "event"]
    with pytest.raises(WorkspaceError):
        mention_and_fail(workspace)
    assert len(kinds(file)) == 6  # memory has it, so the file must


def mention_and_fail(workspace: Workspace) -> None:
    with workspace.lock:
        workspace.person(ADA).mention(HELP, "and then?")
        workspace.person("U0NOBODY001")


def test_the_oldest_threads_go_when_there_are_too_many_messages(file: Path, reopen: Open) -> None:
    workspace = reopen()
    ada = workspace.person(ADA)
    old, revived = ada.say(HELP, "old"), ada.say(HELP, "revived")
    with workspace.lock:
        for root in (old, revived):
            workspace.threads.set_title((HELP, root), "a title")
            workspace.threads.set_session((HELP, root), "active")
    ada.say(HELP, "a reply", old)
    lone = ada.say(HELP, "lone")
    passing = [ada.say(GENERAL, f"passing {n}") for n in range(6)]
    for ts in passing:
        ada.delete(ts)
    reply = ada.say(HELP, "a reply", revived)
    aside = workspace.response_urls.issue(HELP, ADA)
    workspace.close()
    short = Archive(file, max_records=4)
    assert [message.ts for message in snapshot.load(short).messages] == [revived, lone, reply]
    short.close()
    after = reopen()
    assert [message.ts for message in after.history(HELP)] == [revived, lone, reply]
    assert set(after.threads.titles) == set(after.threads.sessions) == {(HELP, revived)}
    assert after.directory.channels[GENERAL].gone == set(passing[2:])
    assert after.response_urls.find(aside)


def test_the_newest_thread_stays_whole(file: Path, reopen: Open) -> None:
    ada = reopen().person(ADA)
    root = ada.say(HELP, "long")
    replies = [ada.say(HELP, f"reply {n}", root) for n in range(5)]
    short = Archive(file, max_records=3)
    assert [message.ts for message in snapshot.load(short).messages] == [root, *replies]
    short.close()


def set_aside(file: Path) -> list[Path]:
    return sorted(path for path in file.parent.iterdir() if ".damaged-" in path.name)


def spoil_row(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("""UPDATE kept SET body = '{"ts": 1}' WHERE kind = 'message'""")


def change_version(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 99")


def become_another_file(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE another (n)")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda file: file.write_bytes(b"no database" * 1_000), id="no database"),
        pytest.param(lambda file: os.truncate(file, file.stat().st_size // 2), id="cut short"),
        pytest.param(spoil_row, id="a row that does not fit"),
        pytest.param(change_version, id="another version"),
        pytest.param(become_another_file, id="another database"),
    ],
)
def test_a_file_that_cannot_be_read_is_moved_aside(
    file: Path, reopen: Open, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], Any]
) -> None:
    workspace = reopen()
    for n in range(50):
        workspace.person(ADA).say(HELP, f"message {n}")
    workspace.close()
    spoil(file)
    spoiled = file.read_bytes()
    after = reopen()
    assert not after.history(HELP)
    (aside,) = set_aside(file)
    assert aside.read_bytes() == spoiled
    (record,) = caplog.records
    assert str(aside) in record.getMessage()
    ts = after.person(ADA).say(HELP, "from here on")
    assert [message.ts for message in reopen().history(HELP)] == [ts]


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_keeps_a_workspace_from_starting(file: Path, reopen: Open, seed: int) -> None:
    chance = random.Random(seed)
    workspace = reopen()
    for n in range(30):
        workspace.person(ADA).say(HELP, f"message {n} " + "x" * chance.randrange(3_000))
    if chance.random() < 0.5:
        workspace.close()
    copy = file.parent / "copy" / file.name
    shutil.copytree(file.parent, copy.parent)
    for part in copy.parent.iterdir():
        content = bytearray(part.read_bytes())
        for _ in range(chance.randrange(1, 60)):
            if content:
                at = chance.randrange(len(content))
                content[at : at + chance.randrange(40)] = chance.randbytes(chance.randrange(40))
        part.write_bytes(content[: chance.choice([len(content), chance.randrange(len(content) + 1)])])
    damaged = Workspace(archive=copy)
    ts = damaged.person(ADA).say(HELP, "hello")
    damaged.close()
    again = Workspace(archive=copy)
    again.close()
    assert again.message(ts).text == "hello"


def test_a_file_that_another_program_holds_is_left_alone(file: Path, reopen: Open) -> None:
    reopen().close()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError):
            reopen()
    assert not set_aside(file)


def test_while_another_program_holds_the_file_changes_do_not_wait_for_it(file: Path, reopen: Open) -> None:
    clock = Clock()
    workspace = reopen(Archive(file, busy_seconds=0.02, clock=clock))
    ada = workspace.person(ADA)
    assert workspace.archive._database
    statements: list[str] = []
    workspace.archive._database.set_trace_callback(statements.append)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        said = [ada.say(HELP, f"message {n}") for n in range(20)]
        assert statements.count("BEGIN") == 1
        clock.now += PAUSE_SECONDS
        said.append(ada.say(HELP, "after a rest"))
        said.append(ada.say(HELP, "and once more"))
        assert statements.count("BEGIN") == 2
        assert len(workspace.history(HELP)) == 22
    workspace.close()  # at the end it is tried, rest or not
    assert [message.ts for message in reopen().history(HELP)] == said


def test_what_a_full_disk_refused_is_written_when_there_is_room(
    file: Path, reopen: Open, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    workspace = reopen(Archive(file, clock=clock))
    ada = workspace.person(ADA)
    database = workspace.archive._database
    assert database
    database.execute("PRAGMA max_page_count = 1")
    large = [ada.say(HELP, "x" * 10_000) for _ in range(3)]
    assert len(workspace.history(HELP)) == 3
    assert [record.getMessage().split()[0] for record in caplog.records] == ["workspace_archive_refused"]
    assert not reopen().history(HELP)
    database.execute("PRAGMA max_page_count = 100000")
    clock.now += PAUSE_SECONDS
    last = ada.say(HELP, "room again")
    assert [message.ts for message in reopen().history(HELP)] == [*large, last]
