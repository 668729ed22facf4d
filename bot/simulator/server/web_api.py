"""The Web API over HTTP: one endpoint for every method, and one for response URLs.

Owns reading the request, the token and its scopes, the faults, and the record of the call. Promises that
every call leaves exactly one `Call`, whatever became of it, and that a dropped connection is really closed
without an answer. Does not retry, cache or stream.
"""

import asyncio
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot.simulator.delivery.faults import Rule
from bot.simulator.errors import SlackError
from bot.simulator.methods import METHODS
from bot.simulator.methods.arguments import Method
from bot.simulator.stores.call_log import Call
from bot.simulator.stores.messages import Json

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace

OUTAGE = "<html><body>Slack is having trouble</body></html>"


class Hangup(Response):
    """Closes the connection instead of answering. The server put its transport where `scope` can name it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["transports"][scope["client"]].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


Made = tuple[Json, int, dict[str, str], str]  # the JSON, or {} with a text; status; headers; text


# Methods whose documentation lists the form only: a JSON body's arguments are not read.
FORM_ONLY = frozenset(
    [
        "bots.info",
        "chat.getPermalink",
        "conversations.history",
        "conversations.info",
        "conversations.list",
        "conversations.members",
        "conversations.replies",
        "team.info",
        "users.conversations",
        "users.info",
        "users.list",
    ]
)


class Api:
    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace

    async def method(self, request: Request) -> Response:
        name = request.path_params["method"]
        given, token = await _read(request)
        kind = _kind(self._workspace, token)
        return await self._answer(name, given, kind, lambda: _run(self._workspace, name, given, token))

    async def response_url(self, request: Request) -> Response:
        body = await request.body()
        try:
            payload: Any = json.loads(body)
        except ValueError:
            payload = None
        given = payload if isinstance(payload, dict) else {}
        urls, url_id = self._workspace.response_urls, request.path_params["url_id"]
        return await self._answer("response_url", given, "none", lambda: _post(urls.answer(url_id, payload)))

    async def _answer(self, name: str, given: Json, token_kind: str, make: Callable[[], "Made"]) -> Response:
        """Through the faults to the answer, leaving one record."""
        workspace = self._workspace
        started = time.perf_counter()

        def record(response: Json | None, status: int | None, fault: str = "") -> None:
            with workspace.lock:
                seconds = time.perf_counter() - started
                call = Call(name, given, response, status, time.time(), token_kind, fault, seconds)
                workspace.calls.append(call)
                workspace.changed()

        if workspace.faults.away:
            is_503 = workspace.faults.away == "503"
            record(None, 503 if is_503 else None, "away")
            return Response(OUTAGE, 503) if is_503 else Hangup()
        loses_answer = False
        for rule in workspace.faults.strike(name, given):
            if rule.effect == "slow":
                await asyncio.sleep(rule.seconds)
            elif rule.effect == "lose_answer":
                loses_answer = True
            else:
                response, status, http = _failed(rule)
                record(response, status, rule.effect)
                return http
        with workspace.lock:
            response, status, headers, text = make()
            record(response, status, "lose_answer" if loses_answer else "")
        if loses_answer:
            return Hangup()
        return Response(text, status) if text else _json(response, status, headers)


def _run(workspace: "Workspace", name: str, given: Json, token: str) -> Made:
    """One call of a method; the caller holds the lock."""
    headers = {"x-oauth-scopes": ",".join(sorted(workspace.scopes))}
    try:
        method = METHODS.get(name)
        if method is None:
            raise SlackError("unknown_method", req_method=name)
        _authorize(workspace, method, token)
        wait_seconds = workspace.tiers.admit(name, method.tier, str(given.get("channel", "")))
        if wait_seconds:
            return {"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(wait_seconds)}, ""
        return {"ok": True, **method.run(workspace, method.check(given))}, 200, headers, ""
    except SlackError as error:
        return error.body(), 200, headers, ""


def _post(answer: tuple[int, str]) -> Made:
    status, text = answer
    return {"ok": status == 200, "error": text}, status, {}, text


def _failed(rule: Rule) -> tuple[Json | None, int | None, Response]:
    if rule.effect == "rate_limit":
        response: Json = {"ok": False, "error": "ratelimited"}
        return response, 429, _json(response, 429, {"Retry-After": str(rule.retry_after)})
    if rule.effect == "error":
        response = {"ok": False, "error": rule.code}
        return response, 200, _json(response)
    if rule.effect == "status":
        return None, rule.status, Response(OUTAGE, rule.status)
    return None, None, Hangup()


def _authorize(workspace: "Workspace", method: Method, token: str) -> None:
    if method.token == "none":
        return
    if not token:
        raise SlackError("not_authed")
    kind = _kind(workspace, token)
    if kind == "none":
        raise SlackError("invalid_auth")
    if kind != method.token:
        raise SlackError("not_allowed_token_type")
    if method.scopes and not workspace.scopes & set(method.scopes):
        provided = ",".join(sorted(workspace.scopes))
        raise SlackError("missing_scope", needed=",".join(method.scopes), provided=provided)


def _kind(workspace: "Workspace", token: str) -> str:
    return {workspace.bot_token: "bot", workspace.app_token: "app"}.get(token, "none")


async def _read(request: Request) -> tuple[Json, str]:
    """The arguments of query and body together, and the token, which the header gives precedence."""
    given: Json = dict(parse_qsl(request.url.query, keep_blank_values=True))
    body = await request.body()
    if request.headers.get("content-type", "").startswith("application/json"):
        if request.url.path.rpartition("/")[2] not in FORM_ONLY:
            given |= _object(body)
    elif body:
        given |= dict(parse_qsl(body.decode(), keep_blank_values=True))
    _, _, bearer = request.headers.get("authorization", "").partition(" ")
    return given, bearer or str(given.get("token") or "")


def _object(body: bytes) -> Json:
    """The JSON object of a body; what is none reads as no arguments, and fails for lack of them."""
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _json(response: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(response), status, headers, "application/json; charset=utf-8")
