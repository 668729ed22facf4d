"""What is said when Slack is away, or refuses a token."""

import urllib.error
from http.client import HTTPException

from slack_sdk.errors import SlackApiError, SlackClientError

from bot.outages import network
from bot.outages.diagnosis import Diagnosis

SLACK = "https://slack.com/api/"
CONNECT = "see 'Connect Slack' in the README"
FOREIGN = (urllib.error.URLError, OSError, HTTPException, SlackClientError)  # what the SDK's calls raise
CODES = {
    "invalid_auth": ("Slack does not know this token", "Copy it again from the app's settings"),
    "not_authed": ("Slack got no token", "Copy it again from the app's settings"),
    "account_inactive": ("the app is no longer installed", "Install it again and copy the new token"),
    "token_revoked": ("this token was revoked", "Install the app again and copy the new token"),
    "token_expired": (
        "this token has expired",
        "Turn token rotation off in the app's settings and install it again",
    ),
    "not_allowed_token_type": ("this is another kind of token", f"Check which token belongs where; {CONNECT}"),
    "missing_scope": ("the token lacks a scope", "Install the app again from the manifest of this release"),
    "ratelimited": ("Slack's rate limit is reached", "Try again in a minute"),
}
APP_CODES = {
    "missing_scope": ("the token lacks connections:write", "Make an app-level token with this scope"),
}
SOCKET_MODE_OFF = "Turn Socket Mode on in the app's settings, with a token that has connections:write"


def explain(error: Exception, *, where: str, token: str, is_app: bool = False) -> Diagnosis:
    """Says why a call of Slack's SDK failed. ``where`` is the address that was called; ``token`` names the token
    by its setting, with at most its ends."""
    if isinstance(error, SlackApiError):
        response = error.response
        code = str(response.get("error") or "") if isinstance(response.data, dict) else ""
        return refuse(token, code, is_app=is_app) if code else unreachable(where, f"HTTP {response.status_code}")
    return unreachable(where, network.describe(error))


def refuse(token: str, code: str, *, is_app: bool = False) -> Diagnosis:
    """Says what Slack means with the code of a refusal."""
    codes = CODES | (APP_CODES if is_app else {})
    why, advice = codes.get(code, (f"Slack says '{code}'", "Look it up in the documentation of Slack's methods"))
    if is_app and code not in codes:
        advice = SOCKET_MODE_OFF
    return Diagnosis(f"{token}: {why} ({code}).", f"{advice}.")


def unreachable(where: str, why: str) -> Diagnosis:
    """Says that Slack did not answer at an address."""
    advice = "Check the network, HTTPS_PROXY and https://slack-status.com."
    if where != SLACK:
        advice = "Check SLACK_API_URL: it is not Slack's own address."
    return Diagnosis(f"Slack does not answer at {where} ({why}).", advice)
