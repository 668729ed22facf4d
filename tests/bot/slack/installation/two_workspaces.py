"""Two workspaces of one app, with the same people, channels and bot in them by their ids, and Docent between them.

Its web process is the real one behind real HTTP; questions are answered in this process, when a test says so.
"""

import html
import http.cookiejar
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import text

import bot.settings
from agent.settings import AgentSettings
from agent.store.database import Database
from bot.jobs import answering, slack_connection, wiring
from bot.processes import http_server
from bot.processes.web import Web
from bot.simulator import InstalledApp, SlackMessage, Timing, Workspace, WorkspaceServer
from bot.slack.installation import encryption
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.sources import connector
from tests.library import kept_converter
from tests.scripted_model import Say, ScriptedModel
from tests.system import free_port

T = TypeVar("T")
FIRST, SECOND = "T0STANDIN01", "T0SECOND001"
ORGANISATION = "E0STANDIN01"
KEY = encryption.make_key()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class Browser:
    """Somebody's browser: it keeps cookies, also those that are for https only, and follows links when told to."""

    def __init__(self) -> None:
        policy = http.cookiejar.DefaultCookiePolicy(secure_protocols=("http", "https"))
        self.jar = http.cookiejar.CookieJar(policy)
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.jar), NoRedirect(), urllib.request.ProxyHandler({})
        )

    def open(self, url: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Status, page, and where it leads."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            with self._opener.open(url, data, timeout=60) as answer:
                return answer.status, answer.read().decode(), ""
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode(), answer.headers.get("Location", "")

    def allow(self, url: str, team: str, answer: str = "allow") -> str:
        """Fills in Slack's page and sends it; where that leads back to."""
        _, page, _ = self.open(url)
        kept = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page))
        form = {name: html.unescape(value) for name, value in kept.items()}
        _, _, back = self.open(url.partition("?")[0], form | {"team": team, "answer": answer})
        return back


@dataclass
class TwoWorkspaces:
    database: Database
    first: Workspace
    second: Workspace
    server: WorkspaceServer
    folder: Path
    model: ScriptedModel
    url: str
    web: Web = field(init=False)
    worker: Any = field(init=False)

    def start(self) -> None:
        settings = bot.settings.load()
        self.web = Web(settings, self.database)
        port = int(self.url.rpartition(":")[2])
        self._http = http_server.listen(self.web, host="127.0.0.1", port=port, threads=8)
        threading.Thread(target=self._http.run, daemon=True).start()
        kernel = AgentSettings(
            model="openai/scripted", model_api_base=self.model.base_url, model_prices="openai/scripted=1/1"
        )
        connections = slack_connection.connect(settings, self.database)
        self.worker = wiring.build(kernel, self.database, connections=connections)

    def close(self) -> None:
        self._http.close()
        self._http.task_dispatcher.shutdown(timeout=5)
        for pool in self.web._pools:
            pool.shutdown(wait=True)
        self.web.waker.close()
        self.web.redis.close()
        self.worker.leases.close()

    @property
    def library(self) -> Library:
        library = self.worker.library
        assert isinstance(library, Library)
        return library

    def workspace(self, team: str) -> Workspace:
        return self.first if team == FIRST else self.second

    def install(self, team: str, browser: Browser | None = None) -> tuple[int, str]:
        """Goes the whole way in a browser; the last page."""
        browser = browser or Browser()
        _, _, to_slack = browser.open(f"{self.url}/slack/install")
        status, page, _ = browser.open(browser.allow(to_slack, team))
        return status, page

    def read_in(self, name: str, said: str, *, workspaces: Sequence[str], readers: Any = ("everyone",)) -> None:
        """Reads one document in, of a source of this name."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.md").write_text(f"# {name}\n\n{said}\n")
        values = {
            "type": "folder",
            "location": str(folder),
            "name": name,
            "link": f"https://{name}.example/{{path}}",
            "readers": list(readers) if not isinstance(readers, dict) else readers,
            "workspaces": list(workspaces),
        }
        options = connector.validate_options(values, where=name)
        settings = IngestSettings(index_uri=str(self.folder / "index"))
        library = Library(self.database, settings)
        source = connector.open_source(options, home=settings.home)
        library.sync(source, declaration=options.declaration, converter=kept_converter)

    def run(self) -> None:
        """Answers what is open."""
        while sessions := set(self._list_open()):
            for session_id in sessions:
                self.work(session_id)

    def work(self, session_id: UUID) -> None:
        """Answers what is open in one session."""
        answering.work(self.worker, session_id)

    def ask(self, team: str, person: str, channel: str, question: str) -> SlackMessage:
        """A person mentions the bot in a channel; its answer."""
        workspace = self.workspace(team)
        ts = workspace.person(person).mention(channel, question)
        self.wait_for(lambda: self.query("SELECT 1 FROM deliveries WHERE place ->> 'ts' = :ts", ts=ts))
        self.run()
        return [m for m in workspace.thread(channel, ts) if m.user == workspace.app.bot_user_id][-1]

    def wait_for(self, condition: Callable[[], T]) -> T:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if value := condition():
                return value
            time.sleep(0.02)
        raise AssertionError("did not happen")

    def find(self, question: str, audience: Any) -> set[str]:
        """The titles of what somebody may read, all of which are lists; a search finds of them what is best."""
        listed = self.library.list_documents(audience=audience, limit=100)
        titles = {entry.title for entry in listed.documents}
        found = {passage.title for passage in self.library.search(question, audience=audience, k=50).passages}
        assert found <= titles
        assert bool(found) == bool(titles)
        return titles

    def query(self, statement: str, **values: Any) -> list[Any]:
        with self.database.transaction() as transaction:
            return list(transaction.execute(text(statement), values).all())

    def _list_open(self) -> list[UUID]:
        return [row[0] for row in self.query("SELECT session_id FROM turns WHERE status = 'queued'")]


def make_workspaces(url: str, **first: Any) -> tuple[Workspace, Workspace]:
    """Two workspaces with the same ids of people, channels and the bot, into which nobody installed the app."""
    app: dict[str, Any] = {
        "request_url": f"{url}/slack/events",
        "redirect_urls": [f"{url}/slack/oauth_redirect"],
        "bot_token": "",
        "is_installed": False,
    }
    timing = Timing((0.2, 0.5, 1.0, 2.0))
    one = Workspace(InstalledApp(**{**app, "team_name": "First", "domain": "first", **first}), timing=timing)
    other = InstalledApp(**{**app, "team_id": SECOND, "team_name": "Second", "domain": "second"})
    return one, Workspace(other, timing=timing, beside=one)


def pick_url() -> str:
    return f"http://127.0.0.1:{free_port()}"


def say(request: Any) -> Say:
    return Say("The rule is this [1].")
