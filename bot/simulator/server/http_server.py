"""The HTTP and WebSocket server around a workspace.

Owns the routes, the thread they are served from, and the hook that lets a connection be cut. Promises that every
route answers this machine only (see `guard`), and that `WorkspaceServer` as a context manager listens on loopback
when entered and has ended every task, connection and thread when left.
"""

import asyncio
import socket
import threading
from collections.abc import Collection, Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.simulator.server import static_page
from bot.simulator.server.control import ControlApi
from bot.simulator.server.guard import LoopbackGuard
from bot.simulator.server.oauth_pages import OAuthPages
from bot.simulator.server.page_content import PageContent
from bot.simulator.server.teams import TeamApis
from bot.simulator.workspace import Workspace

START_SECONDS = 10.0
TICK_SECONDS = 0.02  # how late a stop is noticed; uvicorn's own 0.1 s adds up over a test run


class WorkspaceServer:
    """A workspace that is served on loopback, from a thread of its own or in the foreground."""

    def __init__(
        self,
        workspace: Workspace,
        port: int = 0,
        routes: Sequence[BaseRoute] = (),
        content: PageContent | None = None,
        others: Sequence[Workspace] = (),
        *,
        names: Collection[str] = (),
    ) -> None:
        """`routes` are served beside the workspace's own; `content` is what the app adds to the page. `others` are
        workspaces beside this one, each with its page at `/workspaces/T…/`. Beside loopback's it answers to
        `names`, where somebody forwards to it."""
        self.workspace, self._workspaces = workspace, (workspace, *others)
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.api_url = f"{self.url}/api/"
        served = make_app(self._workspaces, content or PageContent(), routes, names)
        self._server = _LoopbackServer(self._workspaces, self.url, served)
        self._thread = threading.Thread(target=self._serve, name="workspace-server", daemon=True)

    def __enter__(self) -> "WorkspaceServer":
        self._thread.start()
        if not self._server.is_listening.wait(START_SECONDS):
            raise RuntimeError(f"the workspace did not start on port {self.port}")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listener]))


def make_app(
    workspaces: Sequence[Workspace], content: PageContent, routes: Sequence[BaseRoute], names: Collection[str] = ()
) -> Starlette:
    """Returns the ASGI app with every route behind the guard."""
    api, workspace = TeamApis(workspaces), workspaces[0]
    return Starlette(
        routes=[
            Route("/api/{method}", api.method, methods=["GET", "POST"]),
            Route("/commands/{team}/{url_id}", api.response_url, methods=["POST"]),
            Route("/actions/{team}/{url_id}", api.response_url, methods=["POST"]),
            Route("/upload/{file_id}", api.upload, methods=["POST"]),
            Route("/files-pri/download/{key}/{name:path}", api.file),
            Route("/files-pri/{key}/{name:path}", api.file),
            Route("/files/{file_id}/{name:path}", api.save_file),
            WebSocketRoute("/link/", workspace.sockets.serve),
            *OAuthPages(workspaces).routes(),
            *ControlApi(workspace, content).routes(),
            *static_page.routes(),
            *[_mount(other, content) for other in workspaces[1:]],
            *routes,
        ],
        middleware=[Middleware(LoopbackGuard, names=names)],
    )


def _mount(workspace: Workspace, content: PageContent) -> Mount:
    """Returns the page of another workspace, and what it asks for."""
    control = ControlApi(workspace, content).routes()
    return Mount(f"/workspaces/{workspace.app.team_id}", routes=[Route("/", static_page.index), *control])


class _LoopbackServer(uvicorn.Server):
    def __init__(self, workspaces: Sequence[Workspace], url: str, app: Starlette) -> None:
        transports: dict[tuple[str, int] | None, asyncio.Transport] = {}

        class CuttableProtocol(H11Protocol):
            """Keeps each connection's transport under the address its requests will name as `client`."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                transports[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self.client, None)
                super().connection_lost(exc)

        config = uvicorn.Config(
            app,
            http=CuttableProtocol,
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            access_log=False,
            backlog=2048,
            timeout_keep_alive=60,
        )
        super().__init__(config)
        self._workspaces, self._url, self._transports = workspaces, url, transports
        self.is_listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        for workspace in self._workspaces:
            workspace.set_base_url(self._url)
        self.lifespan.state["transports"] = self._transports
        await super().startup(sockets)
        for workspace in self._workspaces:
            workspace.outbox.attach()
        self.is_listening.set()

    async def main_loop(self) -> None:
        n_ticks = 0
        while not await self.on_tick(n_ticks):
            n_ticks = (n_ticks + 1) % 864_000
            await asyncio.sleep(TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends everything at once, where uvicorn would first give each connection time to finish."""
        for server in self.servers:
            server.close()
        for workspace in self._workspaces:
            await workspace.outbox.close()
        await self._workspaces[0].sockets.close()
        for transport in list(self._transports.values()):
            transport.abort()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self.servers:
            await server.wait_closed()
