"""Installing the app by OAuth: ``/slack/install`` leads to Slack, which leads back to the address of the settings.

Bolt's flow with our stores. Promises that an installation ends in the browser in which it began (a cookie carries
its state), within ten minutes, once; that a workspace which the operator does not let in keeps no token: it is
revoked before the installer reads why; and that what is asked of Slack for it takes no more than a few of the web
process's threads from Slack's own events.
"""

import html
import logging
import threading
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlencode, urljoin, urlsplit

from slack_bolt import BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.authorize import Authorize
from slack_bolt.context.context import BoltContext
from slack_bolt.error import BoltError
from slack_bolt.oauth import OAuthFlow
from slack_bolt.oauth.callback_options import CallbackOptions, FailureArgs, SuccessArgs
from slack_bolt.oauth.oauth_settings import OAuthSettings
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth import InstallationStore, OAuthStateUtils
from slack_sdk.oauth.installation_store import Installation
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import SettingsError
from agent.settings import split_list
from agent.store.database import Database
from bot.outages import slack as outages
from bot.settings import BotSettings
from bot.slack.client import TIMEOUT_SECONDS, TOKEN_CODES
from bot.slack.installation import workspaces
from bot.slack.installation.encryption import BotTokens, TokenCipher
from bot.slack.installation.manifest import SCOPES
from bot.slack.installation.oauth_state import LIFETIME, StateStore
from bot.slack.installation.workspaces import InstalledWorkspace, RemovalReason

INSTALL_PATH = "/slack/install"
COOKIE = "docent-oauth-state"
MAX_AT_ONCE = 4  # installations that wait for Slack, of the sixteen threads of a web process
AUTHORIZE_PATH = "/oauth/v2/authorize"
AGAIN = f'<p><a href="{INSTALL_PATH}">Begin again</a></p>'
FAILURES = {
    "access_denied": "The installation was cancelled. Nothing was changed.",
    "invalid_browser": "This was begun in another browser, or was finished before: then Docent is installed.",
    "invalid_state": "This took longer than ten minutes, or was finished before: then Docent is installed.",
    "missing_code": "Slack sent no code for the installation. Nothing was changed.",
    "invalid_code": "Slack did not confirm the installation. Nothing was changed.",
}
# Who loads the last page again reads one of these, too.
MAYBE_DONE = ("invalid_browser", "invalid_state")
NOT_INSTALLED, NOTHING_CHANGED = "Docent was not installed", "Nothing was changed"
NOT_ALLOWED = "This workspace ({id}) is not one that Docent serves. Ask whoever runs Docent to let it in."
NOT_STORED = (
    "The installation could not be stored. Please begin again in a minute. If that does not help, quote {id}."
)
NOT_NOW = "Docent cannot take installations right now. Please begin again in a minute."
TAKEN_OUT = "The app was removed from this workspace again while it was installed."
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 4rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.4rem; }} code {{ overflow-wrap: anywhere; }}
</style></head><body><h1>{title}</h1>{body}</body></html>
"""
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class InstallationRefused(BoltError):
    """The operator does not let this workspace install the app; the page says so."""


class WorkspaceStore(InstallationStore):
    """Slack's SDK's interface over our table, as far as an installation needs it.

    ``is_good`` tells whether Slack takes a token.
    """

    def __init__(
        self, database: Database, cipher: TokenCipher, release: str, is_good: Callable[[str], bool]
    ) -> None:
        self._database, self._cipher, self._release, self._is_good = database, cipher, release, is_good

    def save(self, installation: Installation) -> None:
        """Stores an installation, with its tokens encrypted.

        Slack may have told of its end before it was stored: then its token is good no more, and is deleted.
        Raises :class:`InstallationRefused`.
        """
        workspace = _to_workspace(installation, self._release)
        tokens = BotTokens(installation.bot_token or "", installation.bot_refresh_token or "")
        ciphertext = self._cipher.encrypt(workspace.id, tokens)
        with self._database.transaction() as transaction:
            workspaces.store(transaction, workspace, ciphertext)
        if not self._is_good(tokens.bot):
            with self._database.transaction() as transaction:
                workspaces.remove(transaction, workspace.id, RemovalReason.REVOKED, ciphertext=ciphertext)
            raise InstallationRefused(TAKEN_OUT)
        observability.log.info("workspace_installed", workspace=workspace.id, n_scopes=len(workspace.scopes))


class _BrowserCookies(OAuthStateUtils):
    """The SDK's cookie, which no other site may send."""

    def build_set_cookie_for_new_state(self, state: str) -> str:
        return f"{super().build_set_cookie_for_new_state(state)}; SameSite=Lax"


class InstallFlow(OAuthFlow):
    """Bolt's flow, which lets in only whom the operator ``allows`` (all where that is empty)."""

    def __init__(self, *, client: WebClient, settings: OAuthSettings, allows: Collection[str]) -> None:
        quiet = logging.Logger("oauth", logging.CRITICAL + 1)  # Bolt's own lines have the code in them
        super().__init__(client=client, logger=quiet, settings=settings)
        self._allows = frozenset(allows)
        self._places = threading.BoundedSemaphore(MAX_AT_ONCE)

    def handle_installation(self, request: BoltRequest) -> BoltResponse:
        """Leads to Slack; says so on a page where no state can be stored."""
        try:
            return super().handle_installation(request)
        except SQLAlchemyError as error:
            observability.report(error, event="installation_not_begun")
            return _show_problem(self.settings, 503, NOT_NOW)

    def handle_callback(self, request: BoltRequest) -> BoltResponse:
        """Installs the app; says so on a page where that cannot be done now."""
        if not self._places.acquire(blocking=False):
            return _show_problem(self.settings, 503, NOT_NOW)
        try:
            return super().handle_callback(request)
        except SQLAlchemyError as error:
            id_ = observability.report(error, event="installation_not_stored")
            return _show_problem(self.settings, 503, NOT_STORED.format(id=id_))
        finally:
            self._places.release()

    def run_installation(self, code: str) -> Installation | None:
        """Exchanges the code for a token; returns None where Slack refuses it or does not answer."""
        try:
            return super().run_installation(code)
        except outages.FOREIGN as error:
            observability.report(error, event="installation_failed")
            return None

    def store_installation(self, request: BoltRequest, installation: Installation) -> None:
        """Stores it; raises :class:`InstallationRefused` after its token was revoked."""
        ids = {installation.team_id, installation.enterprise_id} - {None}
        if self._allows and not ids & self._allows:
            try:
                self.client.auth_revoke(token=installation.bot_token)
            except outages.FOREIGN as error:
                observability.report(error, event="token_not_revoked")
            raise InstallationRefused(NOT_ALLOWED.format(id=installation.team_id or installation.enterprise_id))
        super().store_installation(request, installation)


class NoTokens(Authorize):
    """Lets every request of Slack pass without a token: no listener calls Slack, and nobody is asked for one."""

    def __init__(self) -> None:
        """Needs nothing."""

    def __call__(
        self,
        *,
        context: BoltContext,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        actor_enterprise_id: str | None = None,
        actor_team_id: str | None = None,
        actor_user_id: str | None = None,
    ) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id)


def make_flow(settings: BotSettings, database: Database, cipher: TokenCipher, *, release: str) -> InstallFlow:
    """Makes the flow of the settings; raises :class:`SettingsError` for what is missing."""
    if not settings.slack_client_secret or not settings.slack_redirect_uri:
        raise SettingsError("Set SLACK_CLIENT_SECRET and SLACK_REDIRECT_URI, too; see .env.example")
    client = WebClient(base_url=settings.slack_api_url, timeout=TIMEOUT_SECONDS, retry_handlers=[])
    store = WorkspaceStore(database, cipher, release, partial(_is_good, client))
    oauth_settings = OAuthSettings(
        client_id=settings.slack_client_id,
        client_secret=settings.slack_client_secret.get_secret_value(),
        scopes=list(SCOPES),
        user_scopes=[],
        redirect_uri=settings.slack_redirect_uri,
        install_path=INSTALL_PATH,
        install_page_rendering_enabled=False,  # straight to Slack, which asks what to do
        redirect_uri_path=urlsplit(settings.slack_redirect_uri).path,
        callback_options=CallbackOptions(success=_show_success, failure=_show_failure),
        authorization_url=_authorize_url(settings.slack_api_url),
        installation_store=store,
        installation_store_bot_only=True,
        state_store=StateStore(database),
        state_cookie_name=COOKIE,
        state_expiration_seconds=int(LIFETIME.total_seconds()),
    )
    oauth_settings.state_utils = _BrowserCookies(
        cookie_name=COOKIE, expiration_seconds=int(LIFETIME.total_seconds())
    )
    return InstallFlow(client=client, settings=oauth_settings, allows=split_list(settings.install_workspaces))


def _authorize_url(api_url: str) -> str:
    """Returns Slack's page that asks the installer; it stands beside the Web API."""
    parts = urlsplit(api_url)
    return f"{parts.scheme}://{parts.netloc}{AUTHORIZE_PATH}"


def _is_good(client: WebClient, token: str) -> bool:
    """Returns False where Slack says that a token is not good; where it does not answer, the token may be."""
    try:
        client.auth_test(token=token)
    except SlackApiError as error:
        return error.response.get("error") not in TOKEN_CODES
    except outages.FOREIGN:
        pass
    return True


def _to_workspace(installation: Installation, release: str) -> InstalledWorkspace:
    is_organisation = bool(installation.is_enterprise_install)
    id_ = installation.enterprise_id if is_organisation else installation.team_id
    if not id_ or not installation.bot_token:
        raise BoltError("Slack named no workspace, or gave no token for the bot")
    until = installation.bot_token_expires_at
    return InstalledWorkspace(
        id=id_,
        enterprise_id=installation.enterprise_id,
        name=(installation.enterprise_name if is_organisation else installation.team_name) or "",
        app_id=installation.app_id,
        bot_id=installation.bot_id,
        bot_user_id=installation.bot_user_id,
        scopes=tuple(sorted(installation.bot_scopes or ())),
        installed_at=datetime.fromtimestamp(float(installation.installed_at), UTC),
        installed_by=installation.user_id,
        expires_at=None if until is None else datetime.fromtimestamp(float(until), UTC),
        release=release,
    )


def _show_success(args: SuccessArgs) -> BoltResponse:
    installed = args.installation
    is_organisation = bool(installed.is_enterprise_install)
    name = (installed.enterprise_name if is_organisation else installed.team_name) or "your workspace"
    id_ = (installed.enterprise_id if is_organisation else installed.team_id) or ""
    app = installed.app_id or ""
    where = "the organisation " if is_organisation else ""
    # Beside the page that asked.
    address = urljoin(args.settings.authorization_url, f"/app_redirect?{urlencode({'app': app, 'team': id_})}")
    opens = "" if is_organisation else f'<p><a href="{html.escape(address)}">Open it in Slack</a></p>'
    added = "<p>An administrator still has to add it to its workspaces.</p>" if is_organisation else ""
    body = (
        f"<p>It is in {where}{html.escape(name)} now (<code>{html.escape(id_)}</code>).</p>{added}"
        "<p>It answers from the documents that whoever runs Docent has declared for this workspace: tell them its "
        f"id. Then invite it to a channel with <code>/invite</code>, or write to it directly.</p>{opens}"
    )
    return _page(args.settings, 200, "Docent is installed", body)


def _show_failure(args: FailureArgs) -> BoltResponse:
    """Says what went wrong; the reason that Slack gives is in the query, so it is shown only where it is known."""
    if isinstance(args.error, InstallationRefused):
        said, status = str(args.error), 403
    elif args.error:
        id_ = observability.report(args.error, event="installation_not_stored")
        said, status = NOT_STORED.format(id=id_), args.suggested_status_code
    else:
        said = FAILURES.get(args.reason, FAILURES["invalid_code"])
        status = 400 if args.reason == "access_denied" else args.suggested_status_code
    known = args.reason if args.reason in FAILURES else "other"
    observability.log.warning("workspace_not_installed", reason=known)
    title = NOTHING_CHANGED if args.reason in MAYBE_DONE else NOT_INSTALLED
    return _show_problem(args.settings, status, said, title=title)


def _show_problem(settings: OAuthSettings, status: int, said: str, *, title: str = NOT_INSTALLED) -> BoltResponse:
    return _page(settings, status, title, f"<p>{html.escape(said)}</p>{AGAIN}")


def _page(settings: OAuthSettings, status: int, title: str, body: str) -> BoltResponse:
    cookie = settings.state_utils.build_set_cookie_for_deletion()
    headers: dict[str, str | Sequence[str]] = {**HEADERS, "Set-Cookie": cookie}
    return BoltResponse(status=status, body=PAGE.format(title=title, body=body), headers=headers)
