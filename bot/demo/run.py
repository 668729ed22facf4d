"""Runs the demo: servers, documents, the stand-in workspace, web, worker and clock, until Ctrl-C.

The app under it is the real one, in processes of its own. Everything it keeps is in one folder, and is found
again: the conversations, the index, the record.
"""

import json
import os
import secrets
import signal
import socket
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import agent.settings
from agent.errors import UserError
from agent.settings import EXTRACTIVE_MODEL
from agent.store.database import Database
from bot.demo import documents
from bot.demo.claim import Claim, alone
from bot.demo.console import doing, short, step, tell
from bot.demo.processes import Processes
from bot.processes import embedded_servers, environment
from bot.record import session_query
from bot.simulator import Workspace, WorkspaceServer

SAMPLE = Path(__file__).parent.parent / "sample"
PORT = 3100
RETRY_DELAYS = (1.0, 5.0, 30.0, 300.0)  # Slack's are 0, 60 and 300 s; a demo should not make anybody wait
SOURCE_NAME = "demo"
READY_SECONDS = 120
WATCH_SECONDS = 0.5
WORDS_PER_SECOND = 40  # of the answerer without a language model, about the pace of one
MAX_PROBLEMS = 5
LOOPBACK = "127.0.0.1,localhost"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Ctrl-C, or SIGTERM."""


def run(*, docs: Path | None, port: int | None, opens_browser: bool) -> None:
    """Runs until it is stopped; raises :class:`UserError` in words that say what to do."""
    folder = agent.settings.load().home.expanduser().absolute() / "demo"
    handbook = _folder(docs or SAMPLE / "handbook")
    with _stopping(), alone(folder) as claim, suppress(Stopped):
        _run(folder, handbook, claim, examples=[] if docs else _prompts(), port=port, opens=opens_browser)
    tell(f"Stopped. Everything is kept in {short(folder)}; start it again and it goes on from there.")


def _run(
    folder: Path, handbook: Path, claim: Claim, *, examples: list[str], port: int | None, opens: bool
) -> None:
    started = time.monotonic()
    tell("\nDocent demo\n")
    doing("starting the database")
    with embedded_servers.running(folder) as servers:
        environment.migrate(servers.database_url)
        step("database and queue", "PostgreSQL and Valkey, embedded")
        database = Database(servers.database_url, pool_size=4, statement_timeout_seconds=10)
        workspace = Workspace(
            request_url=f"http://127.0.0.1:{embedded_servers.free_port()}/slack/events",
            bot_token=f"xoxb-{secrets.token_hex(16)}",  # nobody else on this machine's loopback may guess them
            signing_secret=secrets.token_hex(16),
            retry_delays=RETRY_DELAYS,
            archive=folder / "workspace.sqlite",
            story=lambda asked: session_query.of_place(database, workspace.team_id, **asked),
            examples=examples,
        )
        server = WorkspaceServer(workspace, port=_port(port), routes=documents.routes(handbook))
        processes = Processes(folder / "logs", _env(folder, workspace, server, examples), tell)
        workspace.outbox.hold()  # what was not delivered when it last ended waits until somebody listens
        try:
            with server:
                claim.say(server.url)
                for role in ("worker", "web", "clock"):
                    processes.start(role)
                _read_in(processes, handbook, f"{server.url}/docs/{{path}}")
                doing("starting web, worker and clock")
                processes.wait_until_ready("web", READY_SECONDS)
                workspace.outbox.release()
                for role in ("clock", "worker"):
                    processes.wait_until_ready(role, READY_SECONDS)
                step("web, worker, clock", f"ready after {time.monotonic() - started:.0f} s")
                _invite(server.url, examples, opens=opens)
                while True:
                    time.sleep(WATCH_SECONDS)
                    processes.watch()
                    embedded_servers.require_alive(folder)
        finally:
            doing("stopping")
            processes.stop()
            workspace.close()
            database.close()


def _env(folder: Path, workspace: Workspace, server: WorkspaceServer, examples: list[str]) -> dict[str, str]:
    """What the processes are set to. Empty values keep a .env for a real workspace out of the demo."""
    assert workspace.request_url
    return {
        "DOCENT_EXTRACTIVE_WORDS_PER_SECOND": str(WORDS_PER_SECOND),
        **os.environ,
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "SENTRY_DSN": "",
        "DOCENT_HOME": str(folder),
        "DOCENT_INDEX_URI": "",
        "DOCENT_HOST": "127.0.0.1",
        "PORT": workspace.request_url.rpartition(":")[2].partition("/")[0],
        "SLACK_API_URL": server.api_url,
        "SLACK_BOT_TOKEN": workspace.bot_token,
        "SLACK_SIGNING_SECRET": workspace.signing_secret,
        "SLACK_APP_TOKEN": "",
        "DOCENT_SUGGESTED_PROMPTS": "|".join(examples),
        "DOCENT_ENVIRONMENT": "demo",
        "DOCENT_LOG_LEVEL": "INFO",  # their logs say when they are ready
        **{name: ",".join(filter(None, (os.environ.get(name), LOOPBACK))) for name in ("NO_PROXY", "no_proxy")},
    }


def _read_in(processes: Processes, handbook: Path, link: str) -> None:
    """Reads in what has changed since the last time."""
    doing(f"reading {short(handbook)}")
    done = processes.run("ingest", str(handbook), "--name", SOURCE_NAME, "--link", link, "--json")
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason was given"])[-1].removeprefix("docent: ")
        raise UserError(f"{handbook} could not be read in. {said}")
    report: dict[str, Any] = json.loads(done.stdout)
    problems = report["problems"]
    n_documents = report["n_added"] + report["n_changed"] + report["n_unchanged"]
    step("documents", f"{n_documents} of {short(handbook)}" + (f", {len(problems)} not read" if problems else ""))
    for problem in problems[:MAX_PROBLEMS]:
        tell(f"      {problem['uri']}: {problem['cause']}; {problem['advice']}.")
    if len(problems) > MAX_PROBLEMS:
        tell(f"      … and {len(problems) - MAX_PROBLEMS} more")
    if not n_documents:
        raise UserError(f"Nothing in {handbook} could be read. Give another folder: make demo DOCS=folder")


def _invite(url: str, examples: list[str], *, opens: bool) -> None:
    tell(f"\nOpen {url} and ask something" + (", for example:" if examples else "."))
    for example in examples:
        tell(f"    {example}")
    if agent.settings.load().model == EXTRACTIVE_MODEL:
        tell(
            "\nNo language model is configured: answers are quoted from the documents. DOCENT_MODEL and its key\n"
            "in .env change that (see .env.example)."
        )
    tell("Ctrl-C stops everything.\n")
    if opens and _has_browser():
        with suppress(webbrowser.Error):
            webbrowser.open(url)


def _has_browser() -> bool:
    """Whether somebody sits in front of this machine's screen."""
    if not sys.stdout.isatty() or os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextmanager
def _stopping() -> Iterator[None]:
    def stop(*_: Any) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would leave something running
        raise Stopped

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _port(asked: int | None) -> int:
    """The port that was asked for, or the usual one, or where that is taken any."""
    wanted = asked or PORT
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
            return wanted
        except OSError as error:
            if asked:
                raise UserError(
                    f"Port {asked} cannot be used ({error.strerror}). Choose another: make demo PORT=3200"
                ) from None
    tell(f"  Port {wanted} is taken by another program; another one is used.")
    return 0


def _folder(path: Path) -> Path:
    path = path.expanduser()
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise UserError(f"{path} {what}. Give a folder with documents: make demo DOCS=path/to/folder")
    return path.resolve()


def _prompts() -> list[str]:
    lines = (SAMPLE / "prompts.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]
