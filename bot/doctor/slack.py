"""Slack: the bot's token and its scopes, and the way by which events come."""

import hashlib
import hmac
import json
import logging
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, masked
from bot.slack import manifest

TIMEOUT_SECONDS = 3
SLACK = "https://slack.com/api/"
CONNECT = "see 'Connect Slack' in the README"
CODES = {
    "invalid_auth": ("Slack does not know this token", "Copy it anew from the app's settings"),
    "not_authed": ("Slack got no token", "Copy it anew from the app's settings"),
    "account_inactive": ("the app is not installed any more", "Install it again, and copy the new token"),
    "token_revoked": ("this token was revoked", "Install the app again, and copy the new token"),
    "token_expired": (
        "this token has expired",
        "Turn token rotation off in the app's settings, and install it again",
    ),
    "not_allowed_token_type": ("this is a token of another kind", f"Look at which token belongs where; {CONNECT}"),
    "missing_scope": ("the token lacks connections:write", "Make an app-level token with this scope"),
    "ratelimited": ("Slack is asked too often just now", "Try again in a minute"),
}
SIGNING_SECRET = re.compile(r"[0-9a-f]{32}")


class _Unanswered(Exception):
    """Slack gave no answer that could be read."""


def token(who: CheckContext) -> Iterator[Finding]:
    """``auth.test``: whose the token is, and what it may do."""
    given = who.bot.slack_bot_token
    if not given:
        yield _not_connected(who)
        return
    secret, where = given.get_secret_value(), who.bot.slack_api_url
    try:
        data, headers = _call(who, secret, "auth.test")
    except _Unanswered as error:
        yield _away(where, str(error))
        return
    if not data.get("ok"):
        yield _refused("slack", f"SLACK_BOT_TOKEN {masked(secret)}", str(data.get("error")))
        return
    at = "" if where == SLACK else f" at {where} (not Slack itself)"
    text = f"{masked(secret)} is @{data.get('user')} in {data.get('team')}{at}"
    yield Finding("slack", "ok", text)
    yield _scopes(headers)


def socket(who: CheckContext) -> Iterator[Finding]:
    """Whether a socket would be opened; none is."""
    given = who.bot.slack_app_token
    if not given:
        return
    secret = given.get_secret_value()
    try:
        data, _ = _call(who, secret, "apps.connections.open")
    except _Unanswered as error:
        yield _away(who.bot.slack_api_url, str(error), name="events")
        return
    if data.get("ok"):
        yield Finding("events", "ok", f"Socket Mode, with {masked(secret)}")
    else:
        yield _refused("events", f"SLACK_APP_TOKEN {masked(secret)}", str(data.get("error")), is_app=True)


def http(who: CheckContext) -> Iterator[Finding]:
    """The signing secret, and the way from outside when ``--url`` names it."""
    given = who.bot.slack_signing_secret
    if not given:
        if who.url:
            yield Finding("events", "skipped", "--url is for HTTP, and SLACK_SIGNING_SECRET is not set")
        elif who.bot.slack_bot_token and not who.bot.slack_app_token:
            text = "Neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set: nothing that Slack sends is taken."
            yield Finding("events", "problem", text, f"Set one of them; {CONNECT}.")
        return
    secret = given.get_secret_value()
    if not SIGNING_SECRET.fullmatch(secret):
        text = "SLACK_SIGNING_SECRET is not of 32 hexadecimal digits, as Slack's are."
        yield Finding("events", "warning", text, "Compare it with 'Basic Information' in the app's settings.")
    if who.url:
        yield from _from_outside(who.url, secret)
    else:
        yield Finding(
            "events", "ok", "HTTP at /slack/events; 'docent doctor --url https://your.host' tries the way"
        )


def _not_connected(who: CheckContext) -> Finding:
    if who.bot.slack_app_token or who.bot.slack_signing_secret:
        return Finding("slack", "problem", "SLACK_BOT_TOKEN is not set.", f"Copy it from the app; {CONNECT}.")
    advice = f"'make demo' shows everything without it. To connect it, {CONNECT}."
    return Finding("slack", "warning", "Slack is not connected.", advice)


def _scopes(headers: dict[str, str]) -> Finding:
    held = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",") if scope.strip()}
    if not held:
        return Finding("scopes", "warning", "Slack did not tell what the token may do.")
    missing = sorted(set(manifest.SCOPES) - held)
    if not missing:
        return Finding("scopes", "ok", f"all {len(manifest.SCOPES)} that are needed")
    advice = (
        "Add them under 'OAuth & Permissions' (or paste what 'docent manifest' prints under 'App Manifest'), and "
        "reinstall the app; the token stays the same."
    )
    return Finding("scopes", "problem", f"The app lacks {', '.join(missing)}.", advice)


def _refused(name: str, what: str, code: str, *, is_app: bool = False) -> Finding:
    why, advice = CODES.get(code, (f"Slack says '{code}'", "Look it up in Slack's documentation of its methods"))
    if is_app and code not in CODES:
        advice = "Turn Socket Mode on in the app's settings, with a token that has connections:write"
    return Finding(name, "problem", f"{what}: {why} ({code}).", f"{advice}.")


def _away(where: str, why: str, *, name: str = "slack") -> Finding:
    advice = "Check the network, HTTPS_PROXY and https://slack-status.com."
    if where != SLACK:
        advice = "Check SLACK_API_URL: it is not Slack's own address."
    return Finding(name, "problem", f"Slack does not answer at {where} ({why}).", advice)


def _call(who: CheckContext, secret: str, method: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The answer, and its headers in small letters; notes how far the clocks are apart."""
    quiet = logging.Logger("quiet", logging.CRITICAL)  # the SDK's own words about a failure
    client = WebClient(
        secret, base_url=who.bot.slack_api_url, timeout=TIMEOUT_SECONDS, retry_handlers=[], logger=quiet
    )
    before = time.time()
    try:
        response: Any = client.api_call(method)
    except SlackApiError as error:
        response = error.response
    except urllib.error.URLError as error:
        raise _Unanswered(_reason(error.reason)) from error
    except (OSError, HTTPException, SlackClientError, ValueError) as error:
        raise _Unanswered(_reason(error)) from error
    headers = {name.lower(): str(value) for name, value in dict(response.headers).items()}
    if "date" in headers:
        there = parsedate_to_datetime(headers["date"]).timestamp() + 0.5  # whole seconds
        who.drifts["Slack"] = (before + time.time()) / 2 - there
    if response.status_code >= 500 or not isinstance(response.data, dict) or "ok" not in response.data:
        raise _Unanswered(f"HTTP {response.status_code}")
    return response.data, headers


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_SECONDS} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return type(error).__name__


def _from_outside(url: str, secret: str) -> Iterator[Finding]:
    """``/readyz``, then a signed request such as Slack's first one."""
    base = url.rstrip("/").removesuffix(manifest.EVENTS_PATH)
    parts = urlsplit(base)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        yield Finding("events", "problem", f"{url} is not an https:// address.", "Slack sends to https only.")
        return
    try:
        status, state = _fetch(urllib.request.Request(f"{base}/readyz"))
    except _Unanswered as error:
        advice = "Check DNS, the certificate, the firewall, and that 'docent web' runs behind it."
        yield Finding("events", "problem", f"{base}/readyz does not answer ({error}).", advice)
        return
    if not isinstance(state, dict) or "status" not in state:
        advice = "Something else answers there: check where the host routes to."
        yield Finding("events", "problem", f"{base}/readyz is not Docent's (HTTP {status}).", advice)
        return
    if state["status"] != "ready":
        parts_ = ", ".join(
            f"{name}: {value}" for name, value in state.items() if value != "ok" and name != "status"
        )
        level = "problem" if state["status"] == "unavailable" else "warning"
        yield Finding(
            "events", "problem" if level == "problem" else "warning", f"{base} is {state['status']}: {parts_}"
        )
    yield _challenge(base, secret)


def _challenge(base: str, secret: str) -> Finding:
    body = json.dumps({"type": "url_verification", "challenge": "docent-doctor"})
    stamp = str(int(time.time()))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
    }
    address = base + manifest.EVENTS_PATH
    try:
        status, answer = _fetch(urllib.request.Request(address, data=body.encode(), headers=headers))
    except _Unanswered as error:
        return Finding("events", "problem", f"{address} does not answer ({error}).")
    if status == 200 and "docent-doctor" in str(answer):
        return Finding(
            "events", "ok", f"HTTP at {address}: reachable, and it takes what is signed with this secret"
        )
    advice = {
        401: "It has another SLACK_SIGNING_SECRET, or its clock is wrong by minutes.",
        404: "It has no SLACK_SIGNING_SECRET (Socket Mode), or the host does not route this path to it.",
    }.get(status, "Look at its log.")
    return Finding("events", "problem", f"{address} refuses a signed request (HTTP {status}).", advice)


def _fetch(request: urllib.request.Request) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            status, body = response.status, response.read(100_000)
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read(100_000)
    except urllib.error.URLError as error:
        raise _Unanswered(_reason(error.reason)) from error
    except (OSError, HTTPException, ValueError) as error:
        raise _Unanswered(_reason(error)) from error
    try:
        return status, json.loads(body)
    except ValueError:
        return status, body.decode(errors="replace")
