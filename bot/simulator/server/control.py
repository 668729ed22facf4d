"""A small JSON surface to drive the workspace from another process or a page.

Owns the routes under `/_control/`. Promises to change something only when asked in JSON, which no form of a web
page can send, and that what cannot be done is answered with a sentence. Waiting for a change holds no thread.
Thin: each route calls one method of the workspace.
"""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.simulator.delivery.faults import Rule
from bot.simulator.errors import SlackError, WorkspaceError
from bot.simulator.server import traffic
from bot.simulator.server.screen import Screen, Window
from bot.simulator.stores.messages import Json

if TYPE_CHECKING:
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
        "submit",
        "close",
        "modals",
    ]
)
LONGEST_WAIT_SECONDS = 25.0
MESSAGES_SHOWN = 100
ROWS_SHOWN = 5_000
NO_STORY = "Nothing is recorded here: this workspace runs without the app's database."
STORY_FAILED = "The story could not be read just now. The app's database may be away."


class Control:
    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._screen = Screen(workspace)

    def routes(self) -> list[Route]:
        changes: dict[str, Callable[[Json], Any]] = {
            "act": self.act,
            "faults": self.add_fault,
            "faults/clear": self.clear_faults,
            "pause": self.pause,
            "resume": self.resume,
            "disconnect": self.disconnect,
        }
        readings: dict[str, Callable[[Json], Any]] = {
            "workspace": self.overview,
            "messages": self.messages,
            "ephemerals": self.ephemerals,
            "calls": self.calls,
            "deliveries": self.deliveries,
            "view": self.view,
            "wire": self.wire,
            "call": lambda given: traffic.call(self._workspace, int(given["n"])),
            "delivery": lambda given: traffic.delivery(self._workspace, int(given["n"])),
            "story": self.story,
        }
        return [
            Route("/_control/changes", self.changes, methods=["GET"]),
            *(Route(f"/_control/{name}", _endpoint(do), methods=["POST"]) for name, do in changes.items()),
            *(Route(f"/_control/{name}", _endpoint(do), methods=["GET"]) for name, do in readings.items()),
        ]

    def act(self, given: Json) -> Any:
        """{"user": "U…", "action": "mention", "args": {"channel": "#help", "text": "…"}}"""
        if given["action"] not in ACTIONS:
            raise WorkspaceError(f"no action {given['action']!r}; one of {', '.join(sorted(ACTIONS))}")
        person = self._workspace.person(given["user"])
        return {"result": getattr(person, given["action"])(**given.get("args", {}))}

    def add_fault(self, given: Json) -> Any:
        """The fields of `Rule`, without `when`."""
        return self._workspace.faults.add(Rule(**given))

    def clear_faults(self, given: Json) -> Any:
        self._workspace.faults.clear()
        return {}

    def pause(self, given: Json) -> Any:
        self._workspace.faults.pause(answer=given.get("answer", "refused"))
        return {}

    def resume(self, given: Json) -> Any:
        self._workspace.faults.resume()
        return {}

    def disconnect(self, given: Json) -> Any:
        self._workspace.sockets.disconnect(given.get("reason", "refresh_requested"))
        return {}

    def overview(self, given: Json) -> Any:
        workspace = self._workspace
        with workspace.lock:
            channels = workspace.directory.channels.values()
            return {
                "team_id": workspace.team_id,
                "bot_user_id": workspace.bot_user_id,
                "revision": workspace.revision,
                "users": [user.wire(with_email=False) for user in workspace.directory.users.values()],
                "channels": [
                    channel.wire(workspace.bot_user_id) | {"members": list(channel.members)}
                    for channel in channels
                ],
            }

    def messages(self, given: Json) -> Any:
        """Of a channel, or of one thread with its status and session."""
        workspace, channel, ts = self._workspace, given["channel"], given.get("thread_ts")
        with workspace.lock:
            found = workspace.thread(channel, ts) if ts else workspace.history(channel)
            place = workspace.directory.find_channel(channel)
            return {
                "revision": workspace.revision,
                "messages": [_message(message) for message in found],
                "status": workspace.status(place.id, ts) if ts else "",
            }

    def ephemerals(self, given: Json) -> Any:
        return [_message(message) for message in self._workspace.ephemerals(given["user"])]

    def calls(self, given: Json) -> Any:
        with self._workspace.lock:
            return self._workspace.calls[int(given.get("since", 0)) :]

    def deliveries(self, given: Json) -> Any:
        return self._workspace.deliveries[int(given.get("since", 0)) :]

    def view(self, given: Json) -> Any:
        """What a person sees; `since` is the `version` of their last answer for the same channel and thread."""
        return self._screen.of(
            given.get("user", ""),
            channel=given.get("channel", ""),
            thread_ts=given.get("thread_ts", ""),
            since=int(given.get("since", 0)),
            most=Window(int(given.get("limit", MESSAGES_SHOWN)), given.get("oldest", "")),
            thread_most=Window(int(given.get("thread_limit", MESSAGES_SHOWN)), given.get("thread_oldest", "")),
        )

    def wire(self, given: Json) -> Any:
        return traffic.rows(
            self._workspace,
            since_calls=int(given.get("since_calls", 0)),
            since_deliveries=int(given.get("since_deliveries", 0)),
            limit=int(given.get("limit", ROWS_SHOWN)),
        )

    def story(self, given: Json) -> Any:
        """What the app recorded: {"turns": […]}, or {"turns": [], "note": "why there are none"}."""
        if self._workspace.story is None:
            return {"turns": [], "note": NO_STORY}
        try:
            return {"turns": self._workspace.story(given)}
        except Exception:  # noqa: BLE001 - the teller is the app's; whatever befell it, the page goes on
            return {"turns": [], "note": STORY_FAILED}

    async def changes(self, request: Request) -> Response:
        """Wait until the revision is past `since`."""
        given = request.query_params.get("since", "0")
        if not given.isdecimal():
            return _json({"error": f"since must be a revision: {given!r}"}, 400)
        workspace, since = self._workspace, int(given)
        changed, loop = asyncio.Event(), asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(changed.set)

        with workspace.lock:
            workspace.watchers.add(wake)
            if workspace.revision > since:
                changed.set()
        try:
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):  # cancelled: the server is stopping
                await asyncio.wait_for(changed.wait(), LONGEST_WAIT_SECONDS)
        finally:
            with workspace.lock:
                workspace.watchers.discard(wake)
        return _json({"revision": workspace.revision})


def _endpoint(do: Callable[[Json], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        given: Json = dict(request.query_params)
        if request.method == "POST":
            if not request.headers.get("content-type", "").startswith("application/json"):
                return _json({"error": "send application/json"}, 415)
            body = _object(await request.body() or b"{}")
            if body is None:
                return _json({"error": "the body is no JSON object"}, 400)
            given |= body
        try:
            return _json(await run_in_threadpool(do, given))
        except TimeoutError:
            return _json({"error": "the app did not answer in time"}, 400)
        except (WorkspaceError, SlackError, KeyError, TypeError, ValueError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)

    return endpoint


def _object(body: bytes) -> Json | None:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _message(message: Any) -> Json:
    return {**dataclasses.asdict(message), "plain": message.plain}


def _json(answer: Any, status: int = 200) -> Response:
    return Response(json.dumps(answer, default=_plain), status, media_type="application/json")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)
