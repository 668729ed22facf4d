"""The kernel's settings, read from the environment when they are first needed.

No other module of the kernel reads ``os.environ``. :func:`read` serves the settings of the other packages too.
"""

from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent import __version__
from agent.errors import SettingsError

EXTRACTIVE_MODEL = "local/extractive"
S = TypeVar("S", bound=BaseSettings)
# Those into which our own sentences are translated: agent.translation.
LanguageSetting = Literal["auto", "en", "de", "fr", "es", "pt", "ja", "zh"]
Budget = Annotated[
    Decimal | None, BeforeValidator(lambda v: None if isinstance(v, str) and v.strip().lower() == "none" else v)
]


class AgentSettings(BaseSettings):
    """The kernel's settings. Variables start with ``DOCENT_`` unless hosts set them under a usual name."""

    model_config = SettingsConfigDict(env_prefix="DOCENT_", env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Field(
        default=Path(".docent"), description="Folder of the embedded servers and of the local index"
    )
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_URL"),
        description="PostgreSQL, postgresql://user:password@host:5432/docent; empty: an embedded server",
    )
    model: str = Field(
        default=EXTRACTIVE_MODEL,
        min_length=1,
        description="Any chat model of LiteLLM; the default quotes the documents and needs no network",
    )
    model_api_base: str | None = Field(default=None, description="Base URL of an OpenAI-compatible server")
    fallback_models: str = Field(
        default="",
        description="Models to ask, in this order, when the model fails: model or model@base-url, comma-separated",
    )
    models_without_tools: str = Field(
        default="", description="Models that cannot call tools although LiteLLM does not know it, comma-separated"
    )
    model_prices: str = Field(
        default="",
        description="Prices LiteLLM does not know: model=prompt/completion in dollars per million tokens, or free",
    )
    extractive_words_per_second: float = Field(
        default=0, ge=0, description="Pace at which quoted answers stream; 0: all at once"
    )
    sentry_dsn: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("SENTRY_DSN"), description="Where errors are reported"
    )
    sentry_traces_sample_rate: float = Field(
        default=0.1, ge=0, le=1, description="Share of questions and requests whose timings Sentry gets"
    )
    environment: str = Field(default="production", description="Environment named to Sentry")
    release: str = Field(
        default=f"docent@{__version__}",
        validation_alias=AliasChoices("DOCENT_RELEASE", "HEROKU_SLUG_COMMIT"),
        description="Release named to Sentry and recorded with each turn",
    )
    log_level: str = Field(
        default="INFO",
        pattern="^(?i:DEBUG|INFO|WARNING|ERROR|CRITICAL)$",
        description="Least severe log lines that are written; DEBUG also shows tracebacks",
    )

    time_zone: str = Field(
        default="UTC", description="Time zone in which a budget's days and months begin, such as Europe/Paris"
    )
    language: LanguageSetting = Field(
        default="auto",
        description="Language of the bot's own sentences in Slack: auto, as each person's Slack is set, or one of "
        "en, de, fr, es, pt, ja, zh for everybody",
    )
    budget_person_day_usd: Budget = Field(
        default=Decimal(2), ge=0, description="Dollars per person and day, or none: no limit"
    )
    budget_channel_day_usd: Budget = Field(
        default=Decimal(10), ge=0, description="Dollars per channel and day, or none"
    )
    budget_workspace_day_usd: Budget = Field(
        default=Decimal(25), ge=0, description="Dollars for everybody per day, or none"
    )
    budget_workspace_month_usd: Budget = Field(
        default=Decimal(250), ge=0, description="Dollars for everybody per month, or none"
    )

    max_steps: int = Field(default=10, ge=1, description="Model calls per turn, the closing one included")
    max_tokens: int = Field(default=100_000, ge=1_000, description="Prompt and completion tokens per turn")
    max_usd: Decimal = Field(default=Decimal(1), gt=0, description="Dollars per turn")
    max_tool_calls: int = Field(default=24, ge=1, description="Tool calls per turn")
    max_repeats: int = Field(default=2, ge=1, description="Times one turn may make the same tool call")
    max_transcript_tokens: int = Field(
        default=48_000,
        ge=4_000,
        description="Tokens of one model call's prompt; beyond it older results are shortened",
    )
    max_seconds: float = Field(default=120, gt=0, description="Seconds of one attempt at a turn")
    max_completion_tokens: int = Field(default=2_000, ge=16, description="Completion tokens per model call")
    model_timeout_seconds: float = Field(
        default=60, gt=0, description="Seconds of one model call, without its retries"
    )
    stall_seconds: float = Field(
        default=30, gt=0, description="Seconds without any output after which a model call is given up"
    )
    breaker_seconds: float = Field(
        default=30, gt=0, description="Seconds a failing model is not called; doubles with each failure, up to 300"
    )
    tool_seconds: float = Field(default=20, gt=0, description="Seconds of one tool call")
    model_retries: int = Field(default=2, ge=0, description="Retries of a model call after a transient failure")
    max_attempts: int = Field(
        default=3,
        ge=1,
        description="Attempts at a turn (each after a crash or a lost lease) before it ends as failed",
    )
    lease_seconds: float = Field(
        default=9,
        gt=0,
        description="Seconds after which a worker that has not renewed its lease loses its turn to another",
    )
    max_question_chars: int = Field(
        default=8_000, ge=100, description="Characters of the longest question that is answered"
    )
    max_tool_result_chars: int = Field(
        default=24_000,
        ge=1_000,
        description="Characters of one tool's result, fewer where a step makes many calls",
    )

    def fingerprint(self) -> str:
        """Computes a SHA-256 over every setting that shapes an answer; it is stored with each turn."""
        shaping = self.model_dump(mode="json", include=_MODELS | _LIMITS)
        return sha256(repr(sorted(shaping.items())).encode()).hexdigest()

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("it must be a time zone's name, such as Europe/Paris or UTC") from None
        return name

    @property
    def fallbacks(self) -> list[str]:
        """Returns the fallback models, in order, as ``model`` or ``model@base-url``."""
        return split_list(self.fallback_models)


_MODELS = {"model", "model_api_base", "fallback_models", "models_without_tools"}
_LIMITS = {
    "max_steps",
    "max_tokens",
    "max_usd",
    "max_tool_calls",
    "max_repeats",
    "max_transcript_tokens",
    "max_seconds",
    "max_completion_tokens",
    "max_tool_result_chars",
    "tool_seconds",
}


def split_list(text: str) -> list[str]:
    """Splits a comma-separated list; each item appears once.

    >>> split_list("a, b,, a")
    ['a', 'b']
    """
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


@cache
def load() -> AgentSettings:
    """Loads the process's settings, once; raises :class:`SettingsError` with one line per problem.

    Example::

        os.environ["DOCENT_MODEL"] = "openai/gpt-5-mini"
        settings.load.cache_clear()  # only after a change
        settings.load().model
    """
    return read(AgentSettings)


def read(kind: type[S]) -> S:
    """Reads a class of settings; translates pydantic's report into one line per problem, for the operator."""
    try:
        return kind()
    except ValidationError as error:
        lines = [_describe(kind, problem) for problem in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def list_variables(kind: type[BaseSettings], field: str) -> list[str]:
    """Lists the environment variables that a field is read from; the first wins."""
    alias = kind.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [str(alias) if alias else f"{kind.model_config.get('env_prefix', '')}{field}".upper()]


def find_field(kind: type[BaseSettings], variable: str) -> str | None:
    """Finds the field that pydantic names by itself or by its variable."""
    return next((f for f in kind.model_fields if variable == f or variable in list_variables(kind, f)), None)


def _describe(kind: type[BaseSettings], problem: ErrorDetails) -> str:
    loc = str(problem["loc"][0]) if problem["loc"] else ""
    field = find_field(kind, loc)
    name = list_variables(kind, loc)[0] if field == loc else loc
    rule = _RULES.get(problem["type"], problem["msg"].removeprefix("Value error, ")).format(
        **{
            key: f"{value:g}" if isinstance(value, float) else value
            for key, value in problem.get("ctx", {}).items()
        }
    )
    is_secret = field is None or "SecretStr" in str(kind.model_fields[field].annotation)
    return f"{name} is {'not usable' if is_secret else repr(str(problem['input']))}: {rule}."


_RULES = {
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_parsing": "it must be a number",
    "decimal_parsing": "it must be an amount of dollars, such as 2.50",
    "greater_than": "it must be more than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than": "it must be less than {lt}",
    "less_than_equal": "it must be at most {le}",
    "string_pattern_mismatch": "it must match {pattern}",
}
