"""The Web API of several workspaces that have one app: each call belongs to the workspace of its token.

Owns nothing but the choice. So a token of one workspace that asks for a channel of another is told
`channel_not_found`, whatever ids the two have in common.
"""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from bot.simulator.server.web_api import WebApi, read_call
from bot.simulator.workspace import Workspace


class TeamApis:
    """The endpoints; what names no workspace is the first one's."""

    def __init__(self, workspaces: Sequence[Workspace]) -> None:
        self._apis = [(workspace, WebApi(workspace)) for workspace in workspaces]

    async def method(self, request: Request) -> Response:
        """Answers a call of a method."""
        _, token = await read_call(request)
        return await self._of_token(token).method(request)

    async def response_url(self, request: Request) -> Response:
        """Answers a post to a response URL."""
        team, url_id = request.path_params["team"], request.path_params["url_id"]
        found = (
            api
            for workspace, api in self._apis
            if workspace.app.team_id == team and url_id in workspace.response_urls.by_id
        )
        return await next(found, self._apis[0][1]).response_url(request)

    async def upload(self, request: Request) -> Response:
        """Takes the content of a file."""
        return await self._of_file(request.path_params["file_id"]).upload(request)

    async def file(self, request: Request) -> Response:
        """Answers an app with a file's content."""
        _, _, token = request.headers.get("authorization", "").partition(" ")
        return await self._of_token(token).file(request)

    async def save_file(self, request: Request) -> Response:
        """Returns a file's content to the page, to save."""
        return await self._of_file(request.path_params["file_id"]).save_file(request)

    def _of_token(self, token: str) -> WebApi:
        found = (api for workspace, api in self._apis if workspace.app.knows(token))
        return next(found, self._apis[0][1])

    def _of_file(self, file_id: str) -> WebApi:
        found = (api for workspace, api in self._apis if file_id in workspace.files.by_id)
        return next(found, self._apis[0][1])
