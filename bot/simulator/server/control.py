"""A small JSON surface to drive the workspace from another process or a page.

Owns the routes under `/_control/`. Promises to change something only when asked in JSON, which no form of a web
page can send, and that what cannot be done is answered with a sentence. Waiting for a change holds no thread.
Thin: each route calls one method of the workspace.
"""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import Callable, Coroutine

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.simulator.delivery.faults import FaultRule
from bot.simulator.errors import SlackError, WorkspaceError
from bot.simulator.payloads import JsonObject
from bot.simulator.server import traffic
from bot.simulator.server.page_content import PageContent
from bot.simulator.server.screen import MessageWindow, Screen
from bot.simulator.stores.messages import SlackMessage
from bot.simulator.workspace import Workspace

ACTIONS = frozenset(
    [
        "mention",
        "say",
        "write_dm",
        "edit",
        "delete",
        "react",
        "unreact",
        "open_home",
        "stop",
        "command",
        "click",
        "click_home",
        "submit",
        "close",
        "upload",
        "forward",
        "use_shortcut",
    ]
)
LONGEST_WAIT_SECONDS = 25.0
MESSAGES_SHOWN = 100
ROWS_SHOWN = 5_000
NO_STORY = "Nothing is recorded here: this workspace runs without the app's database."
STORY_FAILED = "The story could not be read just now. The app's database may be away."


class ControlApi:
    """The routes of one workspace. Each method but `changes` takes the parameters of a request and returns
    JSON."""

    def __init__(self, workspace: Workspace, content: PageContent) -> None:
        self._workspace, self._content = workspace, content
        self._screen = Screen(workspace, content)

    def routes(self) -> list[Route]:
        """Returns the routes: those that change something take POST, the others GET."""
        changing: dict[str, Callable[[JsonObject], object]] = {
            "act": self.act,
            "faults": self.add_fault,
            "faults/clear": self.clear_faults,
            "pause": self.pause,
            "resume": self.resume,
        }
        reading: dict[str, Callable[[JsonObject], object]] = {
            "workspace": self.show_workspace,
            "messages": self.list_messages,
            "calls": self.list_calls,
            "deliveries": self.list_deliveries,
            "view": self.show_screen,
            "wire": self.list_traffic,
            "call": lambda params: traffic.show_call(self._workspace, int(params["n"])),
            "delivery": lambda params: traffic.show_delivery(self._workspace, int(params["n"])),
            "story": self.tell_story,
        }
        return [
            Route("/_control/changes", self.await_change, methods=["GET"]),
            *(Route(f"/_control/{name}", _endpoint(run), methods=["POST"]) for name, run in changing.items()),
            *(Route(f"/_control/{name}", _endpoint(run), methods=["GET"]) for name, run in reading.items()),
        ]

    def act(self, params: JsonObject) -> object:
        """Lets a person act: {"user": "U…", "action": "mention", "args": {"channel": "#help", "text": "…"}}"""
        if params["action"] not in ACTIONS:
            raise WorkspaceError(f"no action {params['action']!r}; one of {', '.join(sorted(ACTIONS))}")
        person = self._workspace.person(params["user"])
        return {"result": getattr(person, params["action"])(**params.get("args", {}))}

    def add_fault(self, params: JsonObject) -> object:
        """Adds a rule from the fields of `FaultRule`, without `when`."""
        return self._workspace.faults.add(FaultRule(**params))

    def clear_faults(self, params: JsonObject) -> object:
        """Removes every rule."""
        self._workspace.faults.clear()
        return {}

    def pause(self, params: JsonObject) -> object:
        """Takes Slack away."""
        self._workspace.faults.pause(params.get("answer", "refused"))
        return {}

    def resume(self, params: JsonObject) -> object:
        """Brings Slack back."""
        self._workspace.faults.resume()
        return {}

    def show_workspace(self, params: JsonObject) -> object:
        """Returns the team, its users and channels."""
        app, directory = self._workspace.app, self._workspace.directory
        with self._workspace.lock:
            return {
                "team_id": app.team_id,
                "bot_user_id": app.bot_user_id,
                "revision": self._workspace.changes.revision,
                "users": [user.to_json(with_email=False) for user in directory.users.values()],
                "channels": [
                    channel.to_json(app.bot_user_id) | {"members": list(channel.members)}
                    for channel in directory.channels.values()
                ],
            }

    def list_messages(self, params: JsonObject) -> object:
        """Returns the messages of a channel, or of one thread with its status."""
        workspace, channel, ts = self._workspace, params["channel"], params.get("thread_ts")
        with workspace.lock:
            messages = workspace.thread(channel, ts) if ts else workspace.history(channel)
            channel_id = workspace.directory.find_channel(channel).id
            return {
                "revision": workspace.changes.revision,
                "messages": [_message(message) for message in messages],
                "status": workspace.status(channel_id, ts) if ts else "",
            }

    def list_calls(self, params: JsonObject) -> object:
        """Returns the calls after the first `since`."""
        with self._workspace.lock:
            return self._workspace.calls[int(params.get("since", 0)) :]

    def list_deliveries(self, params: JsonObject) -> object:
        """Returns the deliveries after the first `since`."""
        return self._workspace.deliveries[int(params.get("since", 0)) :]

    def show_screen(self, params: JsonObject) -> object:
        """Returns what a person sees; `since` is the `version` of their last answer for the same channel and
        thread."""
        return self._screen.show(
            params.get("user", ""),
            channel_id=params.get("channel", ""),
            thread_ts=params.get("thread_ts", ""),
            since=int(params.get("since", 0)),
            window=MessageWindow(int(params.get("limit", MESSAGES_SHOWN)), params.get("oldest", "")),
            thread_window=MessageWindow(
                int(params.get("thread_limit", MESSAGES_SHOWN)), params.get("thread_oldest", "")
            ),
        )

    def list_traffic(self, params: JsonObject) -> object:
        """Returns the newest calls and deliveries as rows."""
        return traffic.list_rows(
            self._workspace,
            since_calls=int(params.get("since_calls", 0)),
            since_deliveries=int(params.get("since_deliveries", 0)),
            limit=int(params.get("limit", ROWS_SHOWN)),
        )

    def tell_story(self, params: JsonObject) -> object:
        """Returns what the app recorded: {"turns": […]}, or {"turns": [], "note": "why there are none"}."""
        if self._content.story is None:
            return {"turns": [], "note": NO_STORY}
        try:
            return {"turns": self._content.story(params)}
        except Exception:  # noqa: BLE001 - the function is the app's; whatever it raises, the page goes on
            return {"turns": [], "note": STORY_FAILED}

    async def await_change(self, request: Request) -> Response:
        """Waits until the revision is past `since`, at most 25 seconds."""
        since_text = request.query_params.get("since", "0")
        if not since_text.isdecimal():
            return _json({"error": f"since must be a revision: {since_text!r}"}, 400)
        changes = self._workspace.changes
        changed, loop = asyncio.Event(), asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(changed.set)

        with changes.lock:
            changes.watchers.add(wake)
            if changes.revision > int(since_text):
                changed.set()
        try:
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):  # cancelled: the server is stopping
                await asyncio.wait_for(changed.wait(), LONGEST_WAIT_SECONDS)
        finally:
            with changes.lock:
                changes.watchers.discard(wake)
        return _json({"revision": changes.revision})


def _endpoint(run: Callable[[JsonObject], object]) -> Callable[[Request], Coroutine[None, None, Response]]:
    async def endpoint(request: Request) -> Response:
        params: JsonObject = dict(request.query_params)
        if request.method == "POST":
            if not request.headers.get("content-type", "").startswith("application/json"):
                return _json({"error": "send application/json"}, 415)
            body = _parse_object(await request.body() or b"{}")
            if body is None:
                return _json({"error": "the body is no JSON object"}, 400)
            params |= body
        try:
            return _json(await run_in_threadpool(run, params))
        except TimeoutError:
            return _json({"error": "the app did not answer in time"}, 400)
        except (WorkspaceError, SlackError, KeyError, TypeError, ValueError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)

    return endpoint


def _parse_object(body: bytes) -> JsonObject | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _message(message: SlackMessage) -> dict[str, object]:
    return {**dataclasses.asdict(message), "plain": message.plain}


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value, default=_encode), status, media_type="application/json")


def _encode(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)
