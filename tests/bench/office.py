"""Docent as an operator runs it (``docent web``, ``worker``, ``clock``) around a stand-in workspace."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from sqlalchemy import text

from agent.clock import new_id
from agent.llm import local_provider
from agent.llm.pricing import Price
from agent.llm.request import Model
from agent.settings import AgentSettings
from agent.store import budgets, sessions
from agent.store.budgets import Budgets
from agent.store.database import Database
from agent.tools import ToolContext, ToolResult, tool
from agent.turn import loop
from agent.turn.config import AgentConfig, OpeningCall
from agent.turn.events import Finished
from agent.turn.limits import Limits
from agent.types import Passage
from bot.processes.embedded import embedded_servers, server_process
from bot.processes.embedded.embedded_servers import POSTGRES, VALKEY
from bot.processes.environment import migrate
from bot.simulator import ADA, HELP, InstalledApp, SlackMessage, Workspace, WorkspaceServer
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.library import sync_folder
from tests.scripted_model import Say, ScriptedModel
from tests.system import HANDBOOK, ROOT, free_port, get

DOCENT = Path(sys.executable).with_name("docent")
QUESTIONS = (
    "How many hours of annual leave can I carry over into next year?",
    "How soon do I have to report a security incident?",
    "What may a hotel cost per night?",
    "How do I get reimbursed for travel?",
)
READY_SECONDS = 60
SERVERS = (POSTGRES, VALKEY)
ANSWER = "It is 240 hours [1]."  # of the model, unless a part says another
PLAIN_BOT = "plain bot"  # a role like Docent's


class Memory(NamedTuple):
    """What one process takes: its share of all (PSS), and what no other process has (USS)."""

    pss_mb: float
    own_mb: float


class Office:
    """Servers, documents, processes. ``questions`` are asked in threads of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.arguments: dict[str, list[str]] = {}  # by role
        self.n_asked = 0
        self.names: set[str] = set()  # under which machines beside this one reach the workspace
        self.is_whole: Callable[[SlackMessage], bool] = ends_with_feedback
        self._stack = ExitStack()

    def __enter__(self) -> "Office":
        servers = self._stack.enter_context(embedded_servers.start(self.folder / "home"))
        migrate(servers.database_url)
        self.database = Database(servers.database_url, statement_timeout_seconds=30)
        self._stack.callback(self.database.close)
        self._read_documents()
        self.database.close()  # its idle connections are no part of Docent's memory
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.workspace = Workspace(InstalledApp(f"{self.url}/slack/events"))
        server = self._stack.enter_context(WorkspaceServer(self.workspace, names=self.names))
        self.model = self._stack.enter_context(ScriptedModel(lambda request: Say(ANSWER)))
        self._stack.callback(self.stop)
        self.env = os.environ | {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "DOCENT_HOME": str(self.folder / "home"),
            "DOCENT_MODEL": "openai/scripted",
            "DOCENT_MODEL_API_BASE": self.model.base_url,
            "DOCENT_HOST": "127.0.0.1",
            "DOCENT_LOG_LEVEL": "WARNING",
            "OPENAI_API_KEY": "sk-bench",
            "DOCENT_MODEL_PRICES": "openai/scripted=0.001/0.001",
            "DOCENT_BUDGET_PERSON_DAY_USD": "100",
            "DOCENT_QUESTIONS_PER_MINUTE": "0",  # one person asks them all
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the plain bot fetches a price list as it starts
            "DOCENT_SLACK_BURST": "1000",  # in one channel, which Slack's limits would hold up for minutes
            "PORT": str(port),
            "SLACK_API_URL": server.api_url,
            "SLACK_BOT_TOKEN": self.workspace.app.bot_token,
            "SLACK_SIGNING_SECRET": self.workspace.app.signing_secret,
        }
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, *roles: str, is_checked: bool = True) -> float:
        """Starts processes; seconds until all are ready."""
        started = time.monotonic()
        for role in roles:
            log = (self.folder / f"{role}.log").open("ab")
            command = [DOCENT, role, *self.arguments.get(role, ())]
            if role == PLAIN_BOT:
                command = [sys.executable, "-m", "tests.bench.plain_bot"]
            self.processes[role] = subprocess.Popen(command, env=self.env, cwd=ROOT, stdout=log, stderr=log)
            log.close()
        if "web" in roles:
            self._wait(lambda: get(f"{self.url}/healthz")[0] == 200)
        seconds = time.monotonic() - started
        if {"web", PLAIN_BOT}.intersection(roles) and "SLACK_APP_TOKEN" in self.env:
            self._wait(lambda: self.workspace.sockets.n_connections)
        if {"worker", PLAIN_BOT}.intersection(roles) and is_checked:
            self._answer_one(roles)
        return seconds

    def stop(self) -> None:
        """Ends all processes; others may be started afterwards."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(20)
        self.processes.clear()

    def family(self, role: str) -> list[psutil.Process]:
        """The process of the role or the server, and its children."""
        is_server = role in SERVERS
        pid = (
            server_process.load_state(self.folder / "home" / role)["pid"]
            if is_server
            else self.processes[role].pid
        )
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]

    def use_socket_mode(self) -> None:
        """Has events come over a WebSocket; before any process is started."""
        self.workspace.app.request_url = None
        self.env["SLACK_APP_TOKEN"] = self.workspace.app.app_token

    @property
    def roles(self) -> tuple[str, ...]:
        """What runs, with the servers; the plain bot uses none."""
        return tuple(self.processes) if PLAIN_BOT in self.processes else (*SERVERS, *self.processes)

    def cpu_seconds(self) -> dict[str, float]:
        """Of each role and server: of its processes, and of children of theirs that have ended."""
        seconds = {}
        for role in self.roles:
            times = [process.cpu_times() for process in self.family(role)]
            seconds[role] = sum(t.user + t.system + t.children_user + t.children_system for t in times)
        return seconds

    def memory(self, role: str) -> list[Memory]:
        """Of each process of the role or server, those that have just ended left out."""
        memory = []
        for process in self.family(role):
            with suppress(psutil.NoSuchProcess):
                full = process.memory_full_info()
                memory.append(Memory(full.pss / 1e6, full.uss / 1e6))
        return memory

    def total_mb(self) -> float:
        """PSS of all processes, Postgres and Valkey included."""
        return sum(each.pss_mb for role in self.roles for each in self.memory(role))

    def ask(self, n: int) -> str:
        """One mention in a thread of its own; its ts. Each text is asked once: nothing is remembered of it."""
        self.n_asked += 1
        question = QUESTIONS[n % len(QUESTIONS)].removesuffix("?")
        return self.workspace.person(ADA).mention(HELP, f"{question}, I ask for case {self.n_asked}?")

    def time_answer(self, n: int) -> float:
        """Asks a question; returns the seconds until its answer is whole."""
        started = time.monotonic()
        ts = self.ask(n)
        self.workspace.wait_for(lambda: self.answers(ts), timeout=30)
        return time.monotonic() - started

    def answers(self, ts: str) -> list[Any]:
        """Finished replies in the thread."""
        bot = self.workspace.app.bot_user_id
        return [
            message
            for message in self.workspace.thread(HELP, ts)
            if message.user == bot and self.is_whole(message)
        ]

    def wait_for_answers(self, threads: list[str], timeout: float) -> None:
        """Until each thread has one; says how many have when the time is over."""
        open_threads = set(threads)
        until = time.monotonic() + timeout
        while open_threads and time.monotonic() < until:
            open_threads = {ts for ts in open_threads if not self.answers(ts)}
            time.sleep(0.02)

    def query(self, statement: str) -> list[Any]:
        with self.database.transaction() as transaction:
            return list(transaction.execute(text(statement)).all())

    @contextmanager
    def alone(self) -> Iterator[Callable[[], None]]:
        """Turns in this process, with a tool that does nothing: what is left is the loop itself.

        The scripted model runs in a process of its own, so that its work is not counted.
        """
        os.environ.setdefault("OPENAI_API_KEY", "sk-bench")
        with _ModelProcess() as base_url:
            local_provider.register(lambda messages, tools, choice: {"role": "assistant", "content": "Quoted."})
            kit = AgentConfig(
                self.database,
                [Model("openai/scripted", base_url, price=Price.flat(Decimal("1e-7"), Decimal("1e-6")))],
                {"look_up": look_up},
                Limits(),
                budgets=Budgets.from_settings(AgentSettings()),
            )
            yield lambda: _one_turn(kit)

    def _answer_one(self, roles: Sequence[str]) -> None:
        """Who answers is ready when it has answered."""
        ts = self.ask(0)
        self.wait_for_answers([ts], READY_SECONDS)
        assert self.answers(ts), "".join((self.folder / f"{role}.log").read_text()[-3000:] for role in roles)

    def _read_documents(self) -> None:
        given = os.environ.get("DOCENT_EVAL_DIR")
        if given:
            pages = Path(given) / "handbook_18f" / "pages"
        else:
            pages = self.folder / "pages"
            pages.mkdir()
            for name, content in HANDBOOK.items():
                (pages / name).write_text(content)
        library = Library(self.database, IngestSettings(home=self.folder / "home"))
        sync_folder(library, str(pages), link="https://handbook.example/{path}")

    def _wait(self, condition: Any) -> None:
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            try:
                if condition():
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError("not ready in time")


def ends_with_feedback(message: SlackMessage) -> bool:
    """Returns whether it is a whole answer of Docent's."""
    return "Good answer" in message.plain and message.streaming_state != "in_progress"


TEXT = "Every employee may carry over at most five days of annual leave into the next year. " * 12


@tool(only_passages=True)
def look_up(query: str, *, context: ToolContext) -> ToolResult:
    """Five passages, at once."""
    return ToolResult(
        {"found": 5},
        tuple(
            Passage(f"{query}-{n}", f"d{n}", "Leave", f"https://h.example/{n}", "", TEXT, 0.9) for n in range(5)
        ),
    )


class _ModelProcess:
    """A scripted model that asks for a tool five times, then answers: ``python -m tests.bench.steps``."""

    def __enter__(self) -> str:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.steps"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def _one_turn(kit: AgentConfig) -> None:
    with kit.database.transaction() as transaction:
        asked = sessions.ask(transaction, key=str(new_id()), user_id="U", origin="cli", question="How many days?")
    with kit.database.transaction() as transaction:
        turn = sessions.claim(transaction, asked.session_id, owner="bench", lease_seconds=60)
    assert turn
    run = loop.TurnRun(turn, kit, lambda: None, metadata={"release": "bench"})
    end = list(run.events(lambda question: [OpeningCall("look_up", {"query": question})]))[-1]
    assert isinstance(end, Finished)
    assert end.reason == "answered", end
    with kit.database.transaction() as transaction:
        sessions.finish(transaction, turn, status="completed", reason=end.reason, answer=end.text)
        budgets.release(transaction, turn.id)
