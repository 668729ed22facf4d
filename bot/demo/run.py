"""Runs the demo until Ctrl-C: servers, documents, the simulated workspace, web, worker and clock.

The app is the real one, in processes of its own. All data (conversations, index, record) is kept in one folder and
used again by the next demo.
"""

import os
import secrets
import signal
import socket
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import agent.settings
from agent.errors import UserError
from agent.settings import EXTRACTIVE_MODEL
from agent.store.database import Database
from bot.demo import documents, reading
from bot.demo.claim import Claim, claim
from bot.demo.console import print_line, shorten_path, show_done, working
from bot.demo.processes import Processes
from bot.demo.reading import DemoDocuments
from bot.outages import machine
from bot.processes import environment
from bot.processes.embedded import embedded_servers
from bot.processes.embedded.server_process import find_free_port
from bot.record import session_query
from bot.simulator import LINUS, InstalledApp, PageContent, Timing, Workspace, WorkspaceServer
from bot.slack.installation import manifest

SAMPLE = Path(__file__).parent.parent / "sample"
PORT = 3100
RETRY_DELAYS = (1.0, 5.0, 30.0, 300.0)  # Slack waits 0, 60 and 300 s; nobody should wait so long in a demo
READY_SECONDS = 120
WATCH_SECONDS = 0.5
WORDS_PER_SECOND = 40  # of quoted answers: about the pace of a language model
LOCALE = "de-DE"  # of Linus, who reads Docent's own sentences in German
LOOPBACK = "127.0.0.1,localhost"
ASK_EMOJI = "question"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Ctrl-C or another stop signal was received."""


def run(*, docs: Path | None, port: int | None, opens_browser: bool) -> None:
    """Runs the demo until it is stopped; raises :class:`UserError` with what to do if it cannot run."""
    folder = agent.settings.load().home.expanduser().absolute() / "demo"
    handbook = reading.require_documents(docs or SAMPLE / "handbook")
    examples = [] if docs else _prompts()
    with _raise_on_signals(), claim(folder) as held, suppress(Stopped):
        print_line("\nDocent demo\n")
        _run(folder, handbook, held, examples=examples, port=_port(port), opens=opens_browser)
    print_line(f"Stopped. All data is kept in {shorten_path(folder)}; the next demo continues from there.")


def _run(folder: Path, handbook: Path, held: Claim, *, examples: list[str], port: int, opens: bool) -> None:
    started = time.monotonic()
    with ExitStack() as stack:
        with working("starting the database"):
            servers = stack.enter_context(
                embedded_servers.start(folder, announce=lambda line: print_line(f"  {line}"))
            )
            environment.migrate(servers.database_url)
        show_done("database and queue", "PostgreSQL and Valkey, embedded")
        database = Database(servers.database_url, pool_size=4, statement_timeout_seconds=10)
        app = InstalledApp(
            request_url=f"http://127.0.0.1:{find_free_port()}/slack/events",
            bot_token=f"xoxb-{secrets.token_hex(16)}",  # other programs on this machine must not guess it
            signing_secret=secrets.token_hex(16),
        )
        workspace = Workspace(app, timing=Timing(RETRY_DELAYS), archive=folder / "workspace.sqlite")
        linus = workspace.directory.find_user(LINUS)
        workspace.directory.add_user(replace(linus, locale=LOCALE))
        content = PageContent(
            lambda query: _load_turns(database, app.team_id, query),
            examples,
            shortcuts={manifest.SHORTCUT: manifest.SHORTCUT_NAME},
            emoji=[ASK_EMOJI],
        )
        server = WorkspaceServer(workspace, port, documents.routes(handbook), content)
        env = _env(folder, workspace, server, examples)
        processes = Processes(folder, env, print_line)
        workspace.outbox.hold()  # events that the last demo did not deliver wait until web is ready
        try:
            with server:
                held.publish(server.url)
                for role in ("worker", "web", "clock"):
                    processes.start(role)
                DemoDocuments(handbook, f"{server.url}/docs/{{path}}", database, processes).read()
                with working("starting web, worker and clock"):
                    processes.wait_until_ready("web", READY_SECONDS)
                    workspace.outbox.release()
                    for role in ("clock", "worker"):
                        processes.wait_until_ready(role, READY_SECONDS)
                show_done("web, worker, clock", f"ready after {time.monotonic() - started:.0f} s")
                _invite(server.url, examples, opens=opens)
                while True:
                    time.sleep(WATCH_SECONDS)
                    processes.watch()
                    embedded_servers.require_alive(folder)
        finally:
            with working("stopping"):
                processes.stop()
                workspace.close()
                database.close()


def _load_turns(database: Database, team_id: str, query: dict[str, str]) -> list[dict[str, Any]]:
    return [dict(turn) for turn in session_query.load_conversation(database, team_id, **query)]


def _env(folder: Path, workspace: Workspace, server: WorkspaceServer, examples: list[str]) -> dict[str, str]:
    """Returns the processes' environment. Empty values keep a real workspace's .env out of the demo."""
    assert workspace.app.request_url
    (folder / "docent.toml").touch()
    return {
        "DOCENT_EXTRACTIVE_WORDS_PER_SECOND": str(WORDS_PER_SECOND),
        **os.environ,
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "SENTRY_DSN": "",
        "DOCENT_HOME": str(folder),
        "DOCENT_CONFIG": str(folder / "docent.toml"),  # declares nothing
        "DOCENT_INDEX_URI": "",
        "DOCENT_HOST": "127.0.0.1",
        "PORT": workspace.app.request_url.rpartition(":")[2].partition("/")[0],
        "SLACK_API_URL": server.api_url,
        "SLACK_BOT_TOKEN": workspace.app.bot_token,
        "SLACK_SIGNING_SECRET": workspace.app.signing_secret,
        "SLACK_APP_TOKEN": "",
        "SLACK_CLIENT_ID": "",
        "DOCENT_SUGGESTED_PROMPTS": "|".join(examples),
        "DOCENT_ASK_EMOJI": ASK_EMOJI,
        "DOCENT_ENVIRONMENT": "demo",
        "DOCENT_LOG_LEVEL": "INFO",  # their logs say when they are ready
        **{name: ",".join(filter(None, (os.environ.get(name), LOOPBACK))) for name in ("NO_PROXY", "no_proxy")},
    }


def _invite(url: str, examples: list[str], *, opens: bool) -> None:
    print_line(f"\nOpen {url} and ask something" + (", for example:" if examples else "."))
    for example in examples:
        print_line(f"    {example}")
    if agent.settings.load().model == EXTRACTIVE_MODEL:
        print_line(
            "\nNo language model is configured: answers are quoted from the documents. To change that, set\n"
            "DOCENT_MODEL and its key in .env (see .env.example)."
        )
    print_line("Ctrl-C stops everything.\n")
    if opens and _has_browser():
        with suppress(webbrowser.Error):
            webbrowser.open(url)


def _has_browser() -> bool:
    """Returns whether a browser window can be seen by the person at the terminal."""
    if not sys.stdout.isatty() or os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextmanager
def _raise_on_signals() -> Iterator[None]:
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


def _port(requested: int | None) -> int:
    """Returns the requested port, or the default one; 0 (any free port) if the default is taken."""
    port = requested or PORT
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return port
        except OSError as error:
            if requested:
                outage = machine.explain_port("127.0.0.1", port, error, setting="make demo PORT=3200")
                raise UserError(str(outage)) from None
    print_line(f"  Port {port} is in use by another program; using another port.")
    return 0


def _prompts() -> list[str]:
    lines = (SAMPLE / "prompts.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]
