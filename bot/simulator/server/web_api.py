"""The Web API over HTTP: one endpoint for every method, and one for response URLs.

Owns reading the request, the token and its scopes, the faults, and the record of the call. Promises that
every call leaves exactly one `ApiCall`, however it ended, and that a dropped connection is really closed
without an answer. Does not retry, cache or stream.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot.simulator import methods
from bot.simulator.delivery.faults import FaultEffect, FaultRule, Outage
from bot.simulator.errors import SlackError
from bot.simulator.methods.arguments import MethodSpec, TokenKind
from bot.simulator.payloads import JsonObject
from bot.simulator.stores.api_call import ApiCall
from bot.simulator.workspace import Workspace

LOGIN_PAGE = "https://stand-in.slack.com/"
OUTAGE_PAGE = "<html><body>Slack is having trouble</body></html>"


class Hangup(Response):
    """Closes the connection instead of answering. The server put its transport where `scope` can name it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["transports"][scope["client"]].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


@dataclass(frozen=True)
class ApiAnswer:
    """The outcome of one call. `text` is sent in place of the JSON, if there is one; a `status` of None closes the
    connection."""

    body: Mapping[str, object] | None
    status: int | None = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | bytes = ""

    def to_response(self) -> Response:
        """Returns the HTTP response."""
        if self.status is None:
            return Hangup()
        if self.text:
            return Response(self.text, self.status, self.headers)
        return Response(json.dumps(self.body), self.status, self.headers, "application/json; charset=utf-8")


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


class WebApi:
    """The endpoints of one workspace; see `teams` for several."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._methods = methods.bind(workspace)

    async def method(self, request: Request) -> Response:
        """Answers a call of a method."""
        name = request.path_params["method"]
        args, token = await read_call(request)
        kind = self._token_kind(token)
        return await self._answer(name, args, kind, lambda: self._run(name, args, token))

    async def response_url(self, request: Request) -> Response:
        """Answers a post to a response URL."""
        payload: object
        try:
            payload = json.loads(await request.body())
        except ValueError:
            payload = None
        args = payload if isinstance(payload, dict) else {}
        url_id = request.path_params["url_id"]
        return await self._answer("response_url", args, TokenKind.NONE, lambda: self._respond(url_id, payload))

    async def upload(self, request: Request) -> Response:
        """Takes the content of a file."""
        content = await request.body()
        file_id = request.path_params["file_id"]
        return await self._answer(
            "upload", {"length": len(content)}, TokenKind.NONE, lambda: self._receive(file_id, content)
        )

    async def file(self, request: Request) -> Response:
        """Answers an app with a file's content; whoever may not read it is sent to a page for logging in."""
        _, _, token = request.headers.get("authorization", "").partition(" ")
        file_id = request.path_params["key"].rpartition("-")[2]
        run = partial(self._read_file, file_id, token)
        return await self._answer("files-pri", {"file": file_id}, self._token_kind(token), run)

    async def save_file(self, request: Request) -> Response:
        """Returns a file's content to the page, to save."""
        with self._workspace.lock:
            found = self._workspace.files.find_content(request.path_params["file_id"])
        if found is None:
            return Response("not found", 404)
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(found[0], headers=headers, media_type="application/octet-stream")

    async def _answer(
        self, name: str, args: JsonObject, token_kind: TokenKind, run: Callable[[], ApiAnswer]
    ) -> Response:
        """Runs the call unless a fault hits it, and leaves one record."""
        workspace = self._workspace
        started = time.perf_counter()

        def record(answer: ApiAnswer, fault: str = "") -> None:
            seconds = time.perf_counter() - started
            call = ApiCall(name, args, answer.body, answer.status, time.time(), token_kind, fault, seconds)
            with workspace.lock:
                workspace.calls.append(call)
                workspace.changes.notify()

        if workspace.faults.outage:
            is_closed = workspace.faults.outage == Outage.REFUSED
            away = ApiAnswer(None, None) if is_closed else ApiAnswer(None, 503, text=OUTAGE_PAGE)
            record(away, "away")
            return away.to_response()
        loses_answer = False
        for rule in workspace.faults.select(name, args):
            if rule.effect == FaultEffect.SLOW:
                await asyncio.sleep(rule.seconds)
            elif rule.effect == FaultEffect.LOSE_ANSWER:
                loses_answer = True
            else:
                failure = _fail(rule)
                record(failure, rule.effect)
                return failure.to_response()
        with workspace.lock:
            answer = run()
            record(answer, FaultEffect.LOSE_ANSWER if loses_answer else "")
        return Hangup() if loses_answer else answer.to_response()

    def _run(self, name: str, args: JsonObject, token: str) -> ApiAnswer:
        """Runs one method; the caller holds the lock."""
        headers = {"x-oauth-scopes": self._workspace.app.joined_scopes()}
        try:
            method = methods.METHODS.get(name)
            if method is None:
                raise SlackError("unknown_method", req_method=name)
            self._authorize(method, token)
            if method.token == TokenKind.BOT and not name.startswith("auth."):
                self._workspace.app.require_access()
            seconds = self._workspace.rate_limiter.admit(name, method.tier, str(args.get("channel", "")))
            if seconds:
                return _rate_limited(seconds)
            return ApiAnswer({"ok": True, **self._methods[name](method.check(args))}, headers=headers)
        except SlackError as error:
            return ApiAnswer(error.body(), headers=headers)

    def _respond(self, url_id: str, payload: object) -> ApiAnswer:
        status, text = self._workspace.responder.answer(url_id, payload)
        return ApiAnswer({"ok": status == 200, "error": text}, status, text=text)

    def _receive(self, file_id: str, content: bytes) -> ApiAnswer:
        status, text = self._workspace.files.receive(file_id, content)
        return ApiAnswer({"ok": status == 200, "error": text}, status, text=text)

    def _read_file(self, file_id: str, token: str) -> ApiAnswer:
        if self._token_kind(token) != TokenKind.BOT or "files:read" not in self._workspace.app.scopes:
            return ApiAnswer(None, 302, {"location": f"{LOGIN_PAGE}?redir=%2Ffiles-pri%2F{file_id}"}, " ")
        found = self._workspace.files.find_content(file_id)
        if found is None:
            return ApiAnswer(None, 404, text="File not found")
        content, mimetype = found
        return ApiAnswer({"ok": True}, 200, {"content-type": mimetype}, content or " ")

    def _authorize(self, method: MethodSpec[object], token: str) -> None:
        if method.token == TokenKind.NONE:
            return
        if not token:
            raise SlackError("not_authed")
        if fault := self._workspace.app.find_fault(token, self._workspace.timing.clock()):
            raise SlackError(fault)
        kind = self._token_kind(token)
        if kind == TokenKind.NONE:
            raise SlackError("invalid_auth")
        if kind != method.token:
            raise SlackError("not_allowed_token_type")
        if method.scopes:
            self._workspace.app.require_scope(*method.scopes)

    def _token_kind(self, token: str) -> TokenKind:
        app = self._workspace.app
        if app.is_bots(token):
            return TokenKind.BOT
        kinds = {app.app_token: TokenKind.APP, app.config_token: TokenKind.CONFIG}
        return kinds.get(token, TokenKind.NONE)


def _fail(rule: FaultRule) -> ApiAnswer:
    if rule.effect == FaultEffect.RATE_LIMIT:
        return _rate_limited(rule.retry_after)
    if rule.effect == FaultEffect.ERROR:
        return ApiAnswer({"ok": False, "error": rule.code})
    if rule.effect == FaultEffect.STATUS:
        return ApiAnswer(None, rule.status, text=OUTAGE_PAGE)
    return ApiAnswer(None, None)


def _rate_limited(seconds: int) -> ApiAnswer:
    return ApiAnswer({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(seconds)})


async def read_call(request: Request) -> tuple[JsonObject, str]:
    """Returns the arguments of query and body together, and the token: the header's before the arguments'."""
    args: JsonObject = dict(parse_qsl(request.url.query, keep_blank_values=True))
    body = await request.body()
    if request.headers.get("content-type", "").startswith("application/json"):
        if request.url.path.rpartition("/")[2] not in FORM_ONLY:
            args |= _parse_object(body)
    elif body:
        args |= dict(parse_qsl(body.decode(), keep_blank_values=True))
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme == "Basic":  # of an app, which names itself so
        client_id, _, secret = base64.b64decode(credentials).decode().partition(":")
        return args | {"client_id": client_id, "client_secret": secret}, ""
    return args, credentials or str(args.get("token") or "")


def _parse_object(body: bytes) -> JsonObject:
    """Returns the JSON object of a body; anything else reads as no arguments, and fails for lack of them."""
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
