"""Which requests the server answers: those of programs and pages of this machine.

Owns one check in front of every route, HTTP and WebSocket alike. Promises that a request addressed to another name
than loopback (somebody's rebound domain), one from a page of another origin, and one a browser calls cross-site
get a 403 and reach nothing. A link elsewhere may still lead to the page and the documents: only the routes for
programs are closed to other sites. Does not authenticate: that is what the tokens are for.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PROGRAM_PATHS = (
    *("/api/", "/commands/", "/actions/", "/upload/", "/files-pri/", "/link/", "/_control/"),
    "/workspaces/",  # beside the first one
)
LOOPBACK_ONLY = "this workspace answers on loopback only"


class LoopbackGuard:
    """Middleware that answers 403 in place of the app. ``names`` are those of the server beside loopback's."""

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or is_allowed(HTTPConnection(scope), self._names):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await JSONResponse({"ok": False, "error": LOOPBACK_ONLY}, 403)(scope, receive, send)


def is_allowed(request: HTTPConnection, names: Collection[str] = ()) -> bool:
    """Returns whether the request is addressed to this machine and comes from no other site."""
    if not is_local(request, names):
        return False
    origin = request.headers.get("origin")
    if origin is not None and _host(origin) not in LOOPBACK:
        return False
    is_elsewhere = request.headers.get("sec-fetch-site") == "cross-site"
    return not (is_elsewhere and request.scope["path"].startswith(PROGRAM_PATHS))


def is_local(request: HTTPConnection, names: Collection[str] = ()) -> bool:
    """Returns whether the request is addressed to a name of the server's; another may be a rebound domain."""
    host = _host(f"//{request.headers.get('host', '')}")
    return host in LOOPBACK or host in names


def _host(url: str) -> str:
    """Returns the host of a URL; "" when there is none, as in the origin "null"."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
