"""The web process: receives Slack's events, stores them, acknowledges them. Loads no model and no index.

Serves ``/slack/events`` over HTTP from a pool of threads (Bolt's ASGI adapters run listeners on the event loop),
or receives the same events through Socket Mode; serves ``/healthz`` and ``/readyz`` either way.
"""

import json
import logging
import signal
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from slack_bolt import App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.logger.messages import warning_client_prioritized_and_token_skipped
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.websocket_client import SocketModeClient

import agent.settings
import ingest.settings
from agent import observability
from agent.errors import SettingsError, UserError
from agent.store.budgets import Budgets
from agent.store.database import Database
from agent.translation import speech
from bot.jobs import queue, slack_connection
from bot.outages import machine, redis_watch
from bot.outages import slack as outages
from bot.processes import http_server
from bot.processes.monitoring import metrics_page, readiness
from bot.processes.monitoring.deployment import Deployment
from bot.processes.monitoring.readiness import ReadinessCache, ReadyStatus
from bot.processes.monitoring.timed_app import TimedApp
from bot.processes.schedules.catch_up_schedule import CatchUpStates
from bot.processes.schedules.sync_requests import SyncRequests
from bot.processes.signals import STOPS
from bot.settings import BotSettings
from bot.slack import listeners
from bot.slack.channels import channel_settings, configured
from bot.slack.channels.channel_settings import ChannelSettings
from bot.slack.channels.settings_cache import SettingsCache
from bot.slack.client import Payload, SlackClient
from bot.slack.docent_command import listener as docent_command
from bot.slack.docent_command import table
from bot.slack.docent_command.listener import DocentCommand
from bot.slack.home import listeners as home_listeners
from bot.slack.home.context import HomeContext, SyncControl
from bot.slack.home.listeners import HomeListeners
from bot.slack.installation import origin
from bot.slack.intake.intake import Intake
from bot.slack.intake.scheduled.command import ScheduledCommand
from bot.slack.intake.scheduled.rows import Bounds
from bot.slack.intake.scheduled.standing import Standing
from bot.slack.intake.signature import find_refusal
from bot.slack.interactions import background
from bot.slack.interactions.answer_desk import AnswerDesk
from bot.slack.interactions.background import Background, ContextPool
from bot.slack.interactions.experts import expert_listeners
from bot.slack.interactions.experts.expert_desk import ExpertDesk
from bot.slack.interactions.experts.expert_listeners import ExpertListeners
from bot.slack.interactions.notifications import Notifications
from bot.slack.listeners import ListenerContext
from bot.slack.membership import locales
from bot.slack.membership.audience import AudienceResolver
from bot.slack.membership.directory import SlackDirectory
from bot.slack.membership.operators import Operators
from ingest.access.reader_sets import ReaderSets

# Receives events with websocket-client: the SDK's built-in client loses frames in a burst of hundreds (a
# RecursionError in its parser).
SOCKET_CONCURRENCY = 10
PARALLEL_CALLS = 4  # to Slack, after acknowledgements
NOWHERE = "-"  # of many workspaces none: whatever does not say from which it comes finds nothing and nobody
HOME = "home"
POOLS = ("notifications", "answer-desk", "expert-desk")
LOOPBACK = "127.0.0.1"
APP_TOKEN = "SLACK_APP_TOKEN"


class Web:
    """The WSGI application, with what it needs: Bolt, the listeners, the waker."""

    def __init__(self, settings: BotSettings, database: Database) -> None:
        self.settings, self.database = settings, database
        self.redis = queue.connect(settings)
        self.waker = queue.Waker(queue.open_turn_queue(settings, self.redis), redis_watch.watch(settings))
        self.app = _bolt(settings, database)
        self._connections = slack_connection.connect(settings, database)
        self._pools = [ContextPool(PARALLEL_CALLS, name) for name in POOLS]
        self.intake = Intake(
            database,
            self.waker.wake,
            settings.questions_per_minute,
            settings=SettingsCache(channel_settings.apply(settings.of_channels, ChannelSettings())),
            emoji=settings.emoji,
        )
        self._reader_sets, self._background = ReaderSets(), Background(HOME)
        self._register()
        self._events = SlackRequestHandler(self.app)
        flow = self.app.oauth_flow if settings.has_many_workspaces else None
        self._install_paths = {flow.install_path, flow.redirect_uri_path} if flow else set()
        self._readiness = ReadinessCache(partial(readiness.check, database, self.redis))
        self._sockets: SocketModeHandler | None = None
        self.metrics = metrics_page.open_own(settings, Deployment.of(settings, database, self.redis).read)
        secret = settings.slack_signing_secret
        self._verifier = SignatureVerifier(secret.get_secret_value()) if secret else None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handles one request, as WSGI."""
        path = environ.get("PATH_INFO", "/")
        # Without a signing secret (Socket Mode), no request over HTTP can be trusted.
        if path == "/slack/events" and self._verifier:
            if refusal := find_refusal(environ, self._verifier):
                return _json(start_response, refusal, {"error": "not a request of Slack"})
            return self._events(environ, start_response)
        if path in self._install_paths and environ.get("REQUEST_METHOD") == "GET":
            return self._events(environ, start_response)
        if path == "/healthz":
            return _json(start_response, "200 OK", {"status": "alive"})
        if path == "/readyz":
            state = self._readiness.get()
            is_available = state["status"] != ReadyStatus.UNAVAILABLE
            return _json(start_response, "200 OK" if is_available else "503 Service Unavailable", state)
        if path == metrics_page.PATH and self.metrics and self.settings.metrics_token:
            return self.metrics(environ, start_response)
        return _json(start_response, "404 Not Found", {"error": "not found"})

    def _open_home(
        self, slack: SlackClient, directory: SlackDirectory, audiences: AudienceResolver, workspace: str
    ) -> HomeContext:
        """Puts together what the Home tab and the command work with."""
        settings, of_models = self.settings, agent.settings.load()
        sync_queue = queue.open_sync_queue(settings, self.redis)
        syncs = SyncRequests(self.database, sync_queue, ingest.settings.load(), workspace)
        operators = Operators(
            slack,
            directory,
            self.database,
            settings.list_operators(workspace),
            creators_edit=settings.channel_editors == "creators",
        )
        return HomeContext(
            database=self.database,
            slack=slack,
            audiences=audiences,
            operators=operators,
            settings=self.intake.settings,
            syncs=SyncControl(syncs.list_declared, syncs.request),
            models=configured.list_models(of_models),
            budgets=Budgets.from_settings(of_models),
            command=settings.command,
            workspace=workspace,
        )

    def connect_socket(self) -> None:
        """Begins to receive events through Socket Mode; reconnects by itself.

        Raises :class:`UserError` when Slack cannot be reached, or refuses the token.
        """
        token = _secret(self.settings.slack_app_token, APP_TOKEN)
        handler = SocketModeHandler(self.app, token, concurrency=SOCKET_CONCURRENCY)
        calls = logging.getLogger("slack_sdk.web.base_client")
        try:
            calls.setLevel(logging.CRITICAL)  # what it would say of a failure is said below, once
            handler.connect()  # type: ignore[no-untyped-call]
        except outages.FOREIGN as error:
            _disconnect(handler.client)
            where = self.settings.slack_api_url
            raise UserError(str(outages.explain(error, where=where, token=APP_TOKEN, is_app=True))) from error
        finally:
            calls.setLevel(logging.NOTSET)
        self._sockets = handler

    def look_for_doubted(self) -> None:
        """Has the clock look for questions that were taken for chatter while Postgres did not answer."""
        threads = self.intake.threads
        if threads.take_doubts() and not CatchUpStates(self.redis, self.settings.queue).request(time.time()):
            threads.note_doubt()  # until Redis is back

    def close(self) -> None:
        """Stops receiving, sends pending wake-ups, finishes what was acknowledged, closes connections."""
        if self._sockets:
            _disconnect(self._sockets.client)
        self.waker.close()
        self.intake.settings.close()
        background.finish({HOME: self._background.pool, **dict(zip(POOLS, self._pools, strict=True))})
        self.redis.close()
        self.database.close()

    def _register(self) -> None:
        """Registers the listeners; they are found by the workspace from which something comes, without asking
        Slack or Postgres."""
        of = slack_connection.ByWorkspace(self._open_workspace)

        def find(body: Payload) -> _WorkspaceListeners:
            self._speak_to_person(body)
            return of((origin.find_workspace(body) or NOWHERE) if self._connections.has_many else "")

        home_listeners.register(self.app, lambda body: find(body).home)
        docent_command.register(self.app, self.settings.command, lambda body: find(body).command)
        experts = partial(expert_listeners.register, of=lambda body: find(body).experts)
        listeners.register(self.app, lambda body: find(body).context, [experts])

    def _speak_to_person(self, body: Payload) -> None:
        """Speaks the language of the person who did what Slack tells of, in this thread until the next one."""
        locale = self.intake.settings.locale_of(origin.find_workspace(body), origin.find_person(body))
        speech.switch(locales.choose(locale))

    def _open_workspace(self, workspace: str) -> "_WorkspaceListeners":
        database, settings, slack = self.database, self.settings, self._connections.open(workspace)
        directory = SlackDirectory(slack, workspace)
        audiences = AudienceResolver(directory, self._reader_sets, database, workspace)
        operators, (notifications, desk, experts) = settings.list_operators(workspace), self._pools
        home = self._open_home(slack, directory, audiences, workspace)
        scheduled = ScheduledCommand(
            database,
            Standing(database, slack, audiences, ZoneInfo(agent.settings.load().time_zone)),
            bounds=Bounds(settings.scheduled_per_channel, settings.scheduled_per_workspace),
            operators=operators,
        )
        expert_desk = ExpertDesk(database, slack, directory, operators, workspace=workspace, pool=experts)
        return _WorkspaceListeners(
            ListenerContext(
                self.intake,
                Notifications(slack, settings.prompts, notifications),
                AnswerDesk(database, slack, audiences, operators, workspace=workspace, pool=desk),
                workspace,
            ),
            HomeListeners(home, self._background),
            DocentCommand(self._background, table.build(home, scheduled)),
            ExpertListeners(self.intake, expert_desk, settings.help_contact, workspace),
        )


@dataclass(frozen=True)
class _WorkspaceListeners:
    """What listens to one workspace."""

    context: ListenerContext
    home: HomeListeners
    command: DocentCommand
    experts: ExpertListeners


def _disconnect(client: SocketModeClient) -> None:
    """Ends the connection for both sides at once and does not reconnect; events in progress are acknowledged.

    The SDK's own close waits up to 10 s for its reading thread, which a socket closed by another thread does not
    wake; its threads end with the process.
    """
    client.closed, client.auto_reconnect_enabled = True, False
    for logger in (client.logger, logging.getLogger("websocket")):  # both would call our end an error
        logger.setLevel(logging.CRITICAL)
    for runner in (client.current_session_runner, client.current_app_monitor, client.message_processor):
        runner.event.set()
    client.message_workers.shutdown(wait=True)
    session = client.current_session
    connection = session.sock.sock if session and session.sock else None
    if connection:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def run(settings: BotSettings, database: Database) -> None:
    """Serves until SIGTERM or SIGINT."""
    web = Web(settings, database)
    try:
        web.intake.threads.load(database)
        web.intake.settings.refresh(database)
        web.intake.settings.watch(database, beside=web.look_for_doubted)
        server = _listen(settings, web)
        metrics_page.serve_beside(settings, web.metrics, process="web")
        if settings.slack_app_token:
            web.connect_socket()
        CatchUpStates(web.redis, settings.queue).request(time.time())
        _exit_on_signals()
        port = getattr(server, "effective_port", settings.port) if server else None  # of two addresses: settings
        observability.log.info("web_ready", port=port, socket_mode=bool(settings.slack_app_token))
        with suppress(SystemExit, KeyboardInterrupt):
            server.run() if server else threading.Event().wait()
        if server:
            server.task_dispatcher.shutdown(timeout=5)
            server.close()
    finally:
        web.close()
        observability.flush()


def _listen(settings: BotSettings, web: Web) -> Any:
    """Opens the port; returns waitress's server.

    In Socket Mode the port tells of health only, on this machine unless ``DOCENT_HOST`` says otherwise: where it
    is taken, returns None with a warning. By HTTP nothing works without it, and no workspace can install the app,
    so it raises :class:`UserError`.
    """
    is_for_health = settings.slack_app_token is not None and not settings.has_many_workspaces
    host = LOOPBACK if is_for_health and "host" not in settings.model_fields_set else settings.host
    try:
        return http_server.listen(web, host=host, port=settings.port, threads=settings.web_threads)
    except (OSError, ValueError) as error:  # waitress raises the latter for a host that cannot be resolved
        cause = error if isinstance(error, OSError) else OSError(0, "its name cannot be resolved")
        outage = machine.explain_port(host, settings.port, cause, setting="PORT")
        if not is_for_health:
            raise UserError(str(outage)) from error
        note = "Slack's events come by Socket Mode, so only /healthz and /readyz are missing."
        observability.log.warning("health_port_unusable", problem=outage.text, note=note)
        return None


def _exit_on_signals() -> None:
    """Makes SIGTERM and SIGINT raise SystemExit, on which waitress ends its loop."""

    def stop(*_: object) -> None:
        for number in STOPS:
            signal.signal(number, signal.SIG_IGN)  # a second signal would interrupt the cleanup
        raise SystemExit

    for number in STOPS:
        signal.signal(number, stop)


def _bolt(settings: BotSettings, database: Database) -> App:
    if not settings.slack_app_token and not settings.slack_signing_secret:
        raise SettingsError("Set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP); see .env.example")
    secret = settings.slack_signing_secret

    logging.getLogger("slack_bolt.App").addFilter(_is_worth_a_line)
    return TimedApp(
        signing_secret=secret.get_secret_value() if secret else None,
        request_verification_enabled=secret is not None,
        **_authorize(settings, database),
        client=WebClient(base_url=settings.slack_api_url),
        process_before_response=True,  # acknowledged after the listener returned, not before
        ignoring_self_events_enabled=False,  # listeners drop every bot's messages themselves
        attaching_conversation_kwargs_enabled=False,
        listener_executor=ThreadPoolExecutor(2, thread_name_prefix="bolt"),
    )


def _authorize(settings: BotSettings, database: Database) -> dict[str, Any]:
    """Returns how Bolt authorizes requests: its own way would call ``auth.test`` for each."""
    if settings.has_many_workspaces:
        from bot.slack.installation import encryption, oauth

        cipher = encryption.open_cipher(settings)
        release = agent.settings.load().release
        flow = oauth.make_flow(settings, database, cipher, release=release or "")
        return {"authorize": oauth.NoTokens(), "oauth_flow": flow}
    token = _secret(settings.slack_bot_token, "SLACK_BOT_TOKEN")

    def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=token)

    return {"authorize": authorize}


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Drops Bolt's warning that it does not use SLACK_BOT_TOKEN, which it reads from the environment unasked."""
    return record.getMessage() != warning_client_prioritized_and_token_skipped()


def _secret(value: SecretStr | None, name: str) -> str:
    if value is None:
        raise SettingsError(f"{name} is not set; see .env.example and 'Connect Slack' in the README")
    return value.get_secret_value()


def _json(start_response: StartResponse, status: str, body: Mapping[str, object]) -> list[bytes]:
    payload = json.dumps(body).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(payload)))])
    return [payload]
