"""The bot's settings: Slack, Redis, processes, own tools.

Owns the environment variables that only ``bot`` reads; :mod:`agent.settings` and :mod:`ingest.settings` own
theirs.
"""

import ipaddress
from collections.abc import Collection
from functools import cache
from typing import Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent import settings

MAX_PROMPTS = 4  # Slack shows no more
MIN_TOKEN_CHARS = 16


class BotSettings(BaseSettings):
    """Each field is an environment variable: ``DOCENT_`` and the field's name, or a usual name such as ``PORT``.

    >>> settings = BotSettings(REDIS_URL="redis://localhost", suggested_prompts="How many days? | Who signs?")
    >>> settings.redis_url, settings.prompts
    (SecretStr('**********'), ['How many days?', 'Who signs?'])
    """

    model_config = SettingsConfigDict(env_prefix="DOCENT_", env_ignore_empty=True, frozen=True, extra="ignore")

    redis_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("REDIS_URL"),
        description="Redis, redis://:password@host:6379/0, maxmemory-policy noeviction; empty: an embedded server",
    )
    slack_bot_token: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SLACK_BOT_TOKEN"),
        description="The installed app's bot token (xoxb-…)",
    )
    slack_app_token: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SLACK_APP_TOKEN"),
        description="The app-level token for Socket Mode (xapp-…)",
    )
    slack_signing_secret: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SLACK_SIGNING_SECRET"),
        description="The app's signing secret, for HTTP",
    )
    slack_client_id: str = Field(
        default="",
        validation_alias=AliasChoices("SLACK_CLIENT_ID"),
        description="The app's client id: many workspaces install it by OAuth, and SLACK_BOT_TOKEN is not set",
    )
    slack_client_secret: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SLACK_CLIENT_SECRET"),
        description="The app's client secret, for installations by OAuth",
    )
    slack_redirect_uri: str = Field(
        default="",
        validation_alias=AliasChoices("SLACK_REDIRECT_URI"),
        description="Where Slack leads back after an installation: https://your.host/slack/oauth_redirect",
    )
    slack_config_token: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SLACK_CONFIG_TOKEN"),
        description="An app configuration token (xoxe.xoxp-…): 'docent manifest --apply' updates the app by it",
    )
    token_keys: SecretStr | None = Field(
        default=None,
        description="Keys that encrypt installed workspaces' tokens, the newest first, comma-separated; "
        "'docent workspaces new-key' makes one",
    )
    install_workspaces: str = Field(
        default="",
        description="Workspaces and organisations that may install the app, T0123 or E0123, comma-separated; "
        "empty: any",
    )
    slack_api_url: str = Field(
        default="https://slack.com/api/",
        validation_alias=AliasChoices("SLACK_API_URL", "DOCENT_SLACK_API_URL"),
        description="Where Slack's Web API is called",
    )
    host: str = Field(
        default="0.0.0.0",
        description="Address the web process listens on; in Socket Mode 127.0.0.1 unless it is set",
    )
    port: int = Field(
        default=3000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("PORT", "DOCENT_PORT"),
        description="Port the web process listens on",
    )
    web_threads: int = Field(
        default=16, ge=1, description="Requests the web process handles at once; they mostly wait for Postgres"
    )
    concurrency: int = Field(default=40, ge=1, description="Questions answered at once in one worker process")
    queue: str = Field(default="docent", pattern=r"^[A-Za-z0-9_-]+$", description="Name of the queue in Redis")
    sweep_seconds: float = Field(
        default=2, gt=0, description="Seconds between the clock's searches for questions nobody works on"
    )
    sync_jobs: int = Field(
        default=2, ge=1, le=64, description="Jobs that read documents at once, in all workers together"
    )
    delivery_hours: float = Field(
        default=24, gt=0, description="Hours a finished answer waits for a Slack that cannot be reached"
    )
    questions_per_minute: int = Field(
        default=20, ge=0, description="Questions one person may ask in Slack in a minute; 0: without limit"
    )
    follow_ups: Literal["always", "asker", "mention"] = Field(
        default="asker",
        description="Whose replies in a thread are answered without a mention: everybody's, those of who asked "
        "there, or nobody's; 'docent channels' sets it for one channel",
    )
    cost_line: bool = Field(
        default=False,
        description="Whether an answer says its model, tokens and dollars; 'docent channels' sets it for one "
        "channel",
    )
    ask_emoji: str = Field(
        default="",
        pattern=r"^:?[a-z0-9_+'-]*:?$",
        description="An emoji, such as docent, that asks about the message it is put on; empty: none does",
    )
    slack_burst: int = Field(
        default=60,
        ge=1,
        le=1_000,
        description="Messages posted in one channel at once; on average one a second, which is Slack's limit",
    )
    catch_up_hours: float = Field(
        default=24,
        ge=0,
        le=168,
        description="Hours back in which questions missed in an outage are looked for in Slack; 0: never",
    )
    scheduled_per_channel: int = Field(
        default=10, ge=0, description="Scheduled questions of one channel (`/docent every`); 0: none"
    )
    scheduled_per_workspace: int = Field(
        default=100, ge=0, description="Scheduled questions of the whole workspace; 0: none"
    )
    retention_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="Days that ended questions and their record are kept; empty: without limit",
    )

    suggested_prompts: str = Field(
        default="", description="Up to four questions, separated by '|', that a direct message with the bot offers"
    )

    help_contact: str = Field(
        default="",
        max_length=200,
        description="Whom people are told to ask when the documents do not answer: a channel, a team, an address",
    )

    link_hosts: str = Field(
        default="",
        description="More hosts that links in answers may lead to, comma-separated: wiki.example, *.acme.example",
    )

    operators: str = Field(
        default="",
        description="Slack ids of people who may see how any answer came about (Show how) and operate the bot in "
        "Slack, as the workspace's admins do, comma-separated: U0123, of many workspaces T0123/U0123",
    )

    channel_editors: Literal["operators", "creators"] = Field(
        default="operators",
        description="Who edits in Slack what is set for a channel: operators and the workspace's admins alone, or "
        "also who created the channel, except what concerns money",
    )

    command: str = Field(
        default="/docent",
        pattern=r"^/[^\s/]{1,31}$",
        description="The slash command for status, settings and the like, as the manifest names it",
    )

    report_channel: str = Field(
        default="",
        pattern=r"^((([TE][A-Z0-9]+/)?[CG][A-Z0-9]+)(, *|$))*$",
        description="Channel for a weekly report on what people asked, C0123; of many workspaces T0123/C0123, "
        "comma-separated; empty: no report, no reminders",
    )

    report_weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = Field(
        default="monday", description="Day of the report, in DOCENT_TIME_ZONE"
    )

    report_hour: int = Field(
        default=9, ge=0, le=23, description="Hour from which on the report is posted, in DOCENT_TIME_ZONE"
    )

    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65_000,
        description="Port of /metrics for Prometheus: the web process's; a worker's is one above, a clock's two; "
        "empty: none",
    )

    metrics_token: SecretStr | None = Field(
        default=None,
        description="What Prometheus sends as its bearer token; with it, PORT of the web process has /metrics too",
    )

    metrics_host: str = Field(
        default="127.0.0.1",
        description="Address at which DOCENT_METRICS_PORT listens; one that others reach needs the token",
    )

    tools: str = Field(
        default="", description="Tools of your own: folders and importable packages, comma-separated"
    )

    @property
    def has_many_workspaces(self) -> bool:
        """Returns whether workspaces install the app by OAuth; else one is connected by its token."""
        return bool(self.slack_client_id)

    def list_operators(self, workspace: str) -> list[str]:
        """Returns the ids of the operators in a workspace; "" is the one of the token.

        Where there are many, an id counts with its workspace only: another one may have it, too.

        >>> BotSettings(operators="U1, T2/U2").list_operators("T2")
        ['U2']
        """
        return [user for place, user in _split_places(self.operators) if place == workspace or not workspace]

    def list_report_channels(self) -> dict[str, str]:
        """Returns where the weekly report is posted: the channel of each workspace; "" is the one of the token."""
        named = _split_places(self.report_channel)
        return {place: channel for place, channel in named if bool(place) == self.has_many_workspaces}

    def list_misplaced(self, workspaces: Collection[str]) -> dict[str, list[str]]:
        """Returns, by setting, what counts nowhere where many workspaces install the app: an id that names none of
        them.

        >>> BotSettings(operators="U1,T2/U2,T3/U3").list_misplaced(["T2"])
        {'DOCENT_OPERATORS': ['U1', 'T3/U3']}
        """
        named = {"DOCENT_OPERATORS": self.operators, "DOCENT_REPORT_CHANNEL": self.report_channel}
        misplaced = {
            name: [f"{place}/{id_}".lstrip("/") for place, id_ in _split_places(ids) if place not in workspaces]
            for name, ids in named.items()
        }
        return {name: ids for name, ids in misplaced.items() if ids}

    @property
    def own_tools(self) -> list[str]:
        """Returns the folders and packages of ``tools``."""
        return [entry for part in self.tools.split(",") if (entry := part.strip())]

    @property
    def of_channels(self) -> dict[str, str | bool]:
        """Returns what counts in a channel for which nothing is set, as that is stored for one."""
        return {"follow_ups": self.follow_ups, "cost_line": self.cost_line}

    @property
    def emoji(self) -> str:
        """Returns the name of ``ask_emoji`` as Slack's events have it."""
        return self.ask_emoji.strip(":")

    @property
    def prompts(self) -> list[str]:
        """Returns the suggested questions, at most four."""
        prompts = [prompt.strip() for prompt in self.suggested_prompts.split("|")]
        return [prompt for prompt in prompts if prompt][:MAX_PROMPTS]

    @field_validator("metrics_token")
    @classmethod
    def _is_long(cls, token: SecretStr | None) -> SecretStr | None:
        if token and len(token.get_secret_value()) < MIN_TOKEN_CHARS:
            raise ValueError(f"it must have at least {MIN_TOKEN_CHARS} characters, such as 'openssl rand -hex 32'")
        return token

    @field_validator("metrics_host")
    @classmethod
    def _is_not_open(cls, host: str, info: ValidationInfo) -> str:
        """Looks at what was read before: the port and the token."""
        if info.data.get("metrics_port") and not info.data.get("metrics_token") and not is_loopback(host):
            raise ValueError("others reach /metrics there, so set DOCENT_METRICS_TOKEN, too")
        return host

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not _is_address(url.get_secret_value()):
            raise ValueError("it looks like redis://:password@host:6379/0, with %2F for a / in the password")
        return url


def _split_places(text: str) -> list[tuple[str, str]]:
    """Splits ids that may stand behind their workspace, as in ``T1/U1``."""
    return [(place, id_) for entry in settings.split_list(text) for place, _, id_ in [entry.rpartition("/")]]


def is_loopback(host: str) -> bool:
    """Returns whether only this machine reaches what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # an invalid port
        return False
    return parts.scheme == "unix" or (parts.scheme in ("redis", "rediss") and has_host)


@cache
def load() -> BotSettings:
    """Returns the process's settings; raises :class:`agent.errors.SettingsError`."""
    return settings.read(BotSettings)
