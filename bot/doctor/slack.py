"""Checks Slack: the bot's token, its scopes, and how events arrive (Socket Mode or HTTP)."""

import hashlib
import hmac
import json
import logging
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from agent.settings import split_list
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, FindingState, mask
from bot.outages import network
from bot.outages import slack as outages
from bot.outages.diagnosis import Diagnosis
from bot.outages.slack import CONNECT
from bot.slack.installation import manifest

TIMEOUT_SECONDS = 3
PLACEHOLDER = {"type": "section", "text": {"type": "mrkdwn", "text": "Open this tab again to see it."}}
SIGNING_SECRET = re.compile(r"[0-9a-f]{32}")


class NoAnswer(Exception):
    """Slack did not answer, or not in JSON."""


def token(context: CheckContext) -> Iterator[Finding]:
    """Calls ``auth.test`` and checks whose token it is and which scopes it has."""
    bot_token = context.bot.slack_bot_token
    if context.bot.has_many_workspaces:  # see .workspaces
        return
    if not bot_token:
        yield _not_connected(context)
        return
    secret, where = bot_token.get_secret_value(), context.bot.slack_api_url
    try:
        data, headers = call(context, secret, "auth.test")
    except NoAnswer as error:
        yield _report(outages.unreachable(where, str(error)), name="slack")
        return
    if not data.get("ok"):
        outage = outages.refuse(f"SLACK_BOT_TOKEN {mask(secret)}", str(data.get("error")))
        yield _report(outage, name="slack")
        return
    at = "" if where == outages.SLACK else f" at {where} (not Slack itself)"
    text = f"{mask(secret)} is @{data.get('user')} in {data.get('team')}{at}"
    yield Finding("slack", FindingState.OK, text)
    yield check_scopes(headers)


def report_channel(context: CheckContext) -> Iterator[Finding]:
    """Checks that the weekly report can be posted where the settings say."""
    channel, bot_token = context.bot.report_channel, context.bot.slack_bot_token
    if not channel or context.bot.has_many_workspaces:
        return
    if not bot_token:
        yield Finding("report", FindingState.SKIPPED, "DOCENT_REPORT_CHANNEL is set, and SLACK_BOT_TOKEN is not")
        return
    try:
        data, _ = call(context, bot_token.get_secret_value(), "conversations.info", channel=channel)
    except NoAnswer:  # said of the token
        return
    found = data.get("channel") or {}
    if found.get("is_member"):
        yield Finding("report", FindingState.OK, f"posted weekly in #{found.get('name')}")
        return
    told = "is not one that it knows" if not data.get("ok") else f"is #{found.get('name')}, which it is not in"
    advice = (
        "Invite it there (/invite @Docent), or name another channel by its id: open it, then its name, at the end."
    )
    text = f"Docent cannot post its weekly report: DOCENT_REPORT_CHANNEL ({channel}) {told}."
    yield Finding("report", FindingState.PROBLEM, text, advice)


def home_tab(context: CheckContext) -> Iterator[Finding]:
    """Checks that the installed app has the Home tab: publishes a placeholder for an operator, who never sees it,
    because the tab is made when it is opened."""
    bot_token = context.bot.slack_bot_token
    if bot_token and not context.bot.has_many_workspaces:  # see .workspaces
        yield from check_home_tab(context, bot_token.get_secret_value(), split_list(context.bot.operators))


def check_home_tab(context: CheckContext, token: str, operators: Sequence[str], of: str = "") -> Iterator[Finding]:
    """Checks it by the token of a workspace, for the first of the operators there; ``of`` says where that is."""
    command = context.bot.command
    if not operators:
        text = f"DOCENT_OPERATORS names nobody{of}, for whom the Home tab could be tried"
        yield Finding("home", FindingState.SKIPPED, text)
        return
    view = json.dumps({"type": "home", "blocks": [PLACEHOLDER]})
    try:
        data, _ = call(context, token, "views.publish", user_id=operators[0], view=view, hash="doctor")
    except NoAnswer:  # said of the token
        return
    code = str(data.get("error") or "")
    if data.get("ok") or code == "hash_conflict":  # there is a newer one, which stays
        yield Finding("home", FindingState.OK, f"the Home tab is on{of}; type {command} in Slack to try it")
    elif code == "not_enabled":
        text = f"The installed app has no Home tab, and perhaps no command {command}."
        advice = (
            "Paste the output of 'docent manifest' under 'App Manifest' in the app's settings: it has the tab, "
            "the event app_home_opened and the command."
        )
        yield Finding("home", FindingState.WARNING, text, advice)
    else:
        text = f"Slack publishes no Home tab for {operators[0]}{of}, whom DOCENT_OPERATORS names ({code})."
        yield Finding("home", FindingState.WARNING, text, "Correct the id: it stands in the person's profile.")


def socket(context: CheckContext) -> Iterator[Finding]:
    """Checks that Slack would open a Socket Mode connection; opens none."""
    app_token = context.bot.slack_app_token
    if not app_token:
        return
    secret = app_token.get_secret_value()
    try:
        data, _ = call(context, secret, "apps.connections.open")
    except NoAnswer as error:
        yield _report(outages.unreachable(context.bot.slack_api_url, str(error)), name="events")
        return
    if data.get("ok"):
        yield Finding("events", FindingState.OK, f"Socket Mode, with {mask(secret)}")
    else:
        outage = outages.refuse(f"SLACK_APP_TOKEN {mask(secret)}", str(data.get("error")), is_app=True)
        yield _report(outage, name="events")


def http(context: CheckContext) -> Iterator[Finding]:
    """Checks the signing secret and, with ``--url``, that Slack can reach this host."""
    signing_secret = context.bot.slack_signing_secret
    if not signing_secret:
        if context.url:
            yield Finding("events", FindingState.SKIPPED, "--url is for HTTP, and SLACK_SIGNING_SECRET is not set")
        elif context.bot.slack_bot_token and not context.bot.slack_app_token:
            text = "Neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set: Docent receives nothing from Slack."
            yield Finding("events", FindingState.PROBLEM, text, f"Set one of them; {CONNECT}.")
        return
    secret = signing_secret.get_secret_value()
    if not SIGNING_SECRET.fullmatch(secret):
        text = "SLACK_SIGNING_SECRET does not have 32 hexadecimal digits, as Slack's secrets do."
        yield Finding(
            "events", FindingState.WARNING, text, "Compare it with 'Basic Information' in the app's settings."
        )
    if context.url:
        yield from _check_url(context.url, secret)
    else:
        yield Finding(
            "events",
            FindingState.OK,
            "HTTP at /slack/events; 'docent doctor --url https://your.host' tests the way in",
        )


def _not_connected(context: CheckContext) -> Finding:
    if context.bot.slack_app_token or context.bot.slack_signing_secret:
        return Finding(
            "slack", FindingState.PROBLEM, "SLACK_BOT_TOKEN is not set.", f"Copy it from the app; {CONNECT}."
        )
    advice = f"'make demo' shows everything without it. To connect Slack, {CONNECT}."
    return Finding("slack", FindingState.WARNING, "Slack is not connected.", advice)


def check_scopes(headers: dict[str, str], *, of: str = "") -> Finding:
    """Compares a token's scopes with those of the manifest; ``of`` names its workspace, where there are many."""
    granted = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",") if scope.strip()}
    if not granted:
        return Finding("scopes", FindingState.WARNING, f"Slack did not report the token's scopes{of}.")
    missing = sorted(set(manifest.SCOPES) - granted)
    if not missing:
        return Finding("scopes", FindingState.OK, f"all {len(manifest.SCOPES)} required scopes are granted{of}")
    lost = [
        f"{scope} ({manifest.OPTIONAL_SCOPES[scope]})" for scope in missing if scope in manifest.OPTIONAL_SCOPES
    ]
    is_optional = len(lost) == len(missing)
    advice = (
        "Add them under 'OAuth & Permissions' (or paste the output of 'docent manifest' under 'App Manifest') and "
        "reinstall the app; the token stays the same."
    )
    named = [scope for scope in missing if scope not in manifest.OPTIONAL_SCOPES] + lost
    state = FindingState.WARNING if is_optional else FindingState.PROBLEM
    return Finding("scopes", state, f"The app lacks {', '.join(named)}{of}.", advice)


def _report(outage: Diagnosis, *, name: str) -> Finding:
    return Finding(name, FindingState.PROBLEM, outage.text, outage.advice)


def call(
    context: CheckContext, secret: str, method: str, **arguments: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """Returns the answer and its headers with lower-case names; records the difference of the clocks."""
    quiet = logging.Logger("quiet", logging.CRITICAL)  # silences the SDK's own log of a failure
    client = WebClient(
        secret, base_url=context.bot.slack_api_url, timeout=TIMEOUT_SECONDS, retry_handlers=[], logger=quiet
    )
    before = time.time()
    try:
        response: Any = client.api_call(method, params=arguments)
    except SlackApiError as error:
        response = error.response
    except (OSError, HTTPException, SlackClientError, ValueError) as error:
        raise NoAnswer(network.describe(error, timeout_seconds=TIMEOUT_SECONDS)) from error
    headers = {name.lower(): str(value) for name, value in dict(response.headers).items()}
    if "date" in headers:
        there = parsedate_to_datetime(headers["date"]).timestamp() + 0.5  # whole seconds
        context.drifts["Slack"] = (before + time.time()) / 2 - there
    if response.status_code >= 500 or not isinstance(response.data, dict) or "ok" not in response.data:
        raise NoAnswer(f"HTTP {response.status_code}")
    return response.data, headers


def _check_url(url: str, secret: str) -> Iterator[Finding]:
    """Fetches ``/readyz``, then sends a signed request like Slack's first one."""
    base = url.rstrip("/").removesuffix(manifest.EVENTS_PATH)
    parts = urlsplit(base)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        yield Finding(
            "events", FindingState.PROBLEM, f"{url} is not an https:// address.", "Slack sends to https:// only."
        )
        return
    try:
        status, state = _fetch(urllib.request.Request(f"{base}/readyz"))
    except NoAnswer as error:
        advice = "Check DNS, the certificate, the firewall, and that 'docent web' runs behind it."
        yield Finding("events", FindingState.PROBLEM, f"{base}/readyz does not answer ({error}).", advice)
        return
    if not isinstance(state, dict) or "status" not in state:
        advice = "Another service answers there: check the host's routing."
        yield Finding("events", FindingState.PROBLEM, f"{base}/readyz is not Docent's (HTTP {status}).", advice)
        return
    if state["status"] != "ready":
        parts_ = ", ".join(
            f"{name}: {value}" for name, value in state.items() if value != "ok" and name != "status"
        )
        is_down = state["status"] == "unavailable"
        level = FindingState.PROBLEM if is_down else FindingState.WARNING
        yield Finding("events", level, f"{base} is {state['status']}: {parts_}")
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
    except NoAnswer as error:
        return Finding("events", FindingState.PROBLEM, f"{address} does not answer ({error}).")
    if status == 200 and "docent-doctor" in str(answer):
        return Finding(
            "events",
            FindingState.OK,
            f"HTTP at {address}: reachable, and it accepts requests signed with this secret",
        )
    advice = {
        401: "Its SLACK_SIGNING_SECRET differs, or its clock is off by minutes.",
        404: "It has no SLACK_SIGNING_SECRET (Socket Mode), or the host does not route this path to it.",
    }.get(status, "Read its log.")
    return Finding("events", FindingState.PROBLEM, f"{address} refuses a signed request (HTTP {status}).", advice)


def _fetch(request: urllib.request.Request) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            status, body = response.status, response.read(100_000)
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read(100_000)
    except (OSError, HTTPException, ValueError) as error:
        raise NoAnswer(network.describe(error, timeout_seconds=TIMEOUT_SECONDS)) from error
    try:
        return status, json.loads(body)
    except ValueError:
        return status, body.decode(errors="replace")
