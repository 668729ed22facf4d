"""Updates an app that exists to a manifest, by Slack's App Manifest API and an app configuration token.

What the app has besides, such as a setting that an administrator made, stays. Promises to change nothing before
Slack has found the manifest valid.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from agent.errors import UserError
from bot.outages import slack as outages
from bot.slack.client import TIMEOUT_SECONDS

SETTING = "SLACK_CONFIG_TOKEN"
WHERE = "api.slack.com/apps, 'Your App Configuration Tokens'"
EXPIRED = (
    f"{SETTING} is not good any more ({{code}}): a configuration token lives for twelve hours. Generate another "
    f"one at {WHERE}; or exchange the refresh token (xoxe-…) that came with it, which serves once and brings a "
    "new pair of tokens: curl -d refresh_token=xoxe-… https://slack.com/api/tooling.tokens.rotate"
)
EXPIRED_CODES = {"token_expired", "invalid_auth", "not_authed", "token_revoked", "invalid_refresh_token"}

JsonMap = Mapping[str, Any]  # a manifest as Slack has it


@dataclass(frozen=True)
class ManifestChange:
    """What an app is and would be."""

    app_id: str
    before: JsonMap
    after: JsonMap

    @property
    def new_scopes(self) -> list[str]:
        """Returns the permissions that the bot would ask for in addition."""
        return sorted(_list_scopes(self.after) - _list_scopes(self.before))

    def list_lines(self) -> Iterator[str]:
        """Yields the difference, line by line; nothing where there is none."""
        before, after = (
            json.dumps(one, indent=2, sort_keys=True).splitlines() for one in (self.before, self.after)
        )
        yield from difflib.unified_diff(before, after, "the app", "the manifest", lineterm="", n=2)


class AppManifests:
    """The manifests of a person's apps, by their configuration token."""

    def __init__(self, token: str, api_url: str) -> None:
        self._client = WebClient(token, base_url=api_url, timeout=TIMEOUT_SECONDS, retry_handlers=[])
        self._where = api_url

    def compare(self, app_id: str, manifest: JsonMap) -> ManifestChange:
        """Reads what an app is, and checks with Slack what it would be; raises :class:`UserError`."""
        before: JsonMap = self._call("apps.manifest.export", app_id=app_id)["manifest"]
        after = merge(before, manifest)
        self._call("apps.manifest.validate", app_id=app_id, manifest=json.dumps(after))
        return ManifestChange(app_id, before, after)

    def apply(self, change: ManifestChange) -> bool:
        """Changes the app; returns whether Slack says that its permissions are others now."""
        told = self._call("apps.manifest.update", app_id=change.app_id, manifest=json.dumps(change.after))
        return bool(told.get("permissions_updated"))

    def _call(self, method: str, **arguments: str) -> dict[str, Any]:
        try:
            data = self._client.api_call(method, data=arguments).data
            return data if isinstance(data, dict) else {}
        except SlackApiError as error:
            raise UserError(_explain(method, error, self._where)) from error
        except outages.FOREIGN as error:
            raise UserError(str(outages.explain(error, where=self._where, token=SETTING))) from error


def merge(before: JsonMap, manifest: JsonMap) -> dict[str, Any]:
    """Returns what is there, with everything that the manifest says in its place.

    >>> merge({"a": {"b": 1, "c": [2]}}, {"a": {"c": [3]}})
    {'a': {'b': 1, 'c': [3]}}
    """
    return {**before} | {
        name: merge(before[name], value)
        if isinstance(value, Mapping) and isinstance(before.get(name), Mapping)
        else value
        for name, value in manifest.items()
    }


def _list_scopes(manifest: JsonMap) -> set[str]:
    scopes = manifest.get("oauth_config", {}).get("scopes", {}).get("bot", ())
    return set(scopes) if isinstance(scopes, list) else set()


def _explain(method: str, error: SlackApiError, where: str) -> str:
    data = error.response.data if isinstance(error.response.data, dict) else {}
    code = str(data.get("error") or "")
    if code in EXPIRED_CODES:
        return EXPIRED.format(code=code)
    if code == "invalid_manifest":
        return "Slack does not take the manifest:\n" + "\n".join(_list_faults(data.get("errors")))
    if code in {"app_not_found", "invalid_app", "invalid_app_id", "no_permission"}:
        return f"Slack knows no such app of yours ({code}). Its id is in its settings under 'Basic Information'."
    if not code:
        return str(outages.explain(error, where=where, token=SETTING))
    return f"Slack refused {method}: {code}."


def _list_faults(errors: object) -> Sequence[str]:
    faults = errors if isinstance(errors, list) else []
    return [f"  {one.get('pointer', '')}: {one.get('message', '')}" for one in faults if isinstance(one, dict)]
