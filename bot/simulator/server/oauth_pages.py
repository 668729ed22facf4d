"""Slack's page that asks whether an app may be installed, and in which workspace.

Owns `/oauth/v2/authorize`. Promises that it leads back to a redirect URL of the app only, with the state as it
came; a fault of the app, such as another redirect URL, is shown and leads nowhere.
"""

import html
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.simulator.stores.directory import ADA
from bot.simulator.workspace import Workspace

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem; }}
ul {{ columns: 2; padding-left: 1.2rem; font-size: .85rem; }}
select, button {{ font: inherit; padding: .4rem .9rem; }}
button[value=allow] {{ background: #007a5a; color: #fff; border: 0; border-radius: .3rem; }}
</style></head><body><h1>{title}</h1>{body}</body></html>
"""


class OAuthPages:
    """The page for all workspaces that one server serves."""

    def __init__(self, workspaces: Sequence[Workspace]) -> None:
        self._workspaces = workspaces

    def routes(self) -> list[Route]:
        """Returns the routes."""
        return [
            Route("/oauth/v2/authorize", self.ask, methods=["GET"]),
            Route("/oauth/v2/authorize", self.decide, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Shows what the app wants, and asks."""
        query = request.query_params
        scope = query.get("scope", "")
        if problem := self._find_problem(query.get("client_id", ""), query.get("redirect_uri", ""), scope):
            return _show_problem(problem)
        options = "".join(
            f'<option value="{html.escape(workspace.app.team_id)}">{html.escape(workspace.app.team_name)}</option>'
            for workspace in self._workspaces
        )
        wanted = "".join(f"<li>{html.escape(one)}</li>" for one in scope.split(","))
        kept = "".join(
            f'<input type="hidden" name="{name}" value="{html.escape(query.get(name, ""))}">'
            for name in ("client_id", "redirect_uri", "scope", "state")
        )
        name = html.escape(self._workspaces[0].app.bot_name.title())
        body = (
            f'<form method="post"><p>In <select name="team" aria-label="Workspace">{options}</select> it will be '
            f"able to use:</p><ul>{wanted}</ul>{kept}"
            '<p><button name="answer" value="allow">Allow</button> '
            '<button name="answer" value="cancel">Cancel</button></p></form>'
        )
        return HTMLResponse(PAGE.format(title=f"{name} wants to be installed", body=body))

    async def decide(self, request: Request) -> Response:
        """Leads back to the app, with a code or an error."""
        form = dict(parse_qsl((await request.body()).decode()))
        scope, redirect_uri = form.get("scope", ""), form.get("redirect_uri", "")
        if problem := self._find_problem(form.get("client_id", ""), redirect_uri, scope):
            return _show_problem(problem)
        state = {"state": form.get("state", "")}
        if form.get("answer") != "allow":
            return RedirectResponse(f"{redirect_uri}?{urlencode({'error': 'access_denied', **state})}", 302)
        first = self._workspaces[0]
        with first.lock:
            team = form.get("team", first.app.team_id)
            code = first.installations.grant(team, ADA, redirect_uri, scope.split(","))
        return RedirectResponse(f"{redirect_uri}?{urlencode({'code': code, **state})}", 302)

    def _find_problem(self, client_id: str, redirect_uri: str, scope: str) -> str:
        return self._workspaces[0].installations.find_problem(client_id, redirect_uri, scope.split(","))


def _show_problem(problem: str) -> Response:
    body = f"<p>Something went wrong when authorizing this app: <code>{html.escape(problem)}</code></p>"
    return HTMLResponse(PAGE.format(title="Oh no!", body=body), 400)
