"""The kernel's settings, read lazily from the environment; nobody else here reads ``os.environ``."""

from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent import __version__
from agent.errors import SettingsError

EXTRACTIVE_MODEL = "local/extractive"
S = TypeVar("S", bound=BaseSettings)
Budget = Annotated[
    Decimal | None, BeforeValidator(lambda v: None if isinstance(v, str) and v.strip().lower() == "none" else v)
]


class AgentSettings(BaseSettings):
    """Environment variables start with ``DOCENT_`` unless a host sets them under a usual name."""

    model_config = SettingsConfigDict(env_prefix="DOCENT_", env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Field(default=Path(".docent"), description="Embedded servers and the local index")
    database_url: SecretStr | None = Field(default=None, validation_alias=AliasChoices("DATABASE_URL"))
    model: str = Field(default=EXTRACTIVE_MODEL, min_length=1, description="Any LiteLLM chat model")
    model_api_base: str | None = Field(default=None, description="Base URL of an OpenAI-compatible server")
    fallback_models: str = Field(
        default="",
        description="Asked in this order when the model fails: model or model@base-url, parted by commas",
    )
    models_without_tools: str = Field(
        default="", description="Models that cannot call tools and are not known to be so, parted by commas"
    )
    model_prices: str = Field(
        default="",
        description="Of models without a known price: model=prompt/completion dollars per million, or free",
    )
    extractive_words_per_second: float = Field(
        default=0, ge=0, description="Pace of answers without a language model; 0: at once"
    )
    sentry_dsn: SecretStr | None = Field(default=None, validation_alias=AliasChoices("SENTRY_DSN"))
    sentry_traces_sample_rate: float = Field(default=0.1, ge=0, le=1)
    environment: str = "production"
    release: str = Field(
        default=f"docent@{__version__}",
        validation_alias=AliasChoices("DOCENT_RELEASE", "HEROKU_SLUG_COMMIT"),
    )
    log_level: str = Field(default="INFO", pattern="^(?i:DEBUG|INFO|WARNING|ERROR|CRITICAL)$")

    time_zone: str = Field(
        default="UTC", description="In which days and months of budgets begin, such as Europe/Paris"
    )
    budget_person_day_usd: Budget = Field(
        default=Decimal(2), ge=0, description="Dollars per person and day, or none"
    )
    budget_channel_day_usd: Budget = Field(default=Decimal(10), ge=0)
    budget_workspace_day_usd: Budget = Field(default=Decimal(25), ge=0)
    budget_workspace_month_usd: Budget = Field(default=Decimal(250), ge=0)

    max_steps: int = Field(default=10, ge=1, description="Model calls per turn, the closing one included")
    max_tokens: int = Field(default=100_000, ge=1_000, description="Prompt and completion tokens per turn")
    max_usd: Decimal = Field(default=Decimal(1), gt=0, description="Dollars per turn")
    max_tool_calls: int = Field(default=24, ge=1, description="Tool calls per turn")
    max_repeats: int = Field(default=2, ge=1, description="How often one turn makes the same tool call")
    max_transcript_tokens: int = Field(
        default=48_000, ge=4_000, description="Prompt of one model call; beyond it older results are shortened"
    )
    max_seconds: float = Field(default=120, gt=0, description="Wall time of one attempt at a turn")
    max_completion_tokens: int = Field(default=2_000, ge=16, description="Completion tokens per model call")
    model_timeout_seconds: float = Field(default=60, gt=0, description="One model call, retries apart")
    stall_seconds: float = Field(default=30, gt=0, description="A model silent for this long is given up")
    breaker_seconds: float = Field(default=30, gt=0, description="A failing model is left alone for this long")
    tool_seconds: float = Field(default=20, gt=0, description="One tool call")
    model_retries: int = Field(default=2, ge=0, description="Further tries after a transient failure")
    max_attempts: int = Field(default=3, ge=1, description="Claims of a turn before it ends as failed")
    lease_seconds: float = Field(default=9, gt=0, description="A worker silent for this long has lost its turn")
    max_question_chars: int = Field(default=8_000, ge=100)
    max_tool_result_chars: int = Field(default=24_000, ge=1_000)

    def fingerprint(self) -> str:
        """SHA-256 over every setting that shapes an answer; stored on each turn."""
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
        """The fallback models, in order, as they were given."""
        return listed(self.fallback_models)


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


def listed(given: str) -> list[str]:
    """What stands between commas, each once."""
    return list(dict.fromkeys(part.strip() for part in given.split(",") if part.strip()))


@cache
def load() -> AgentSettings:
    """The process's settings; raises :class:`SettingsError` in one line per problem."""
    return read(AgentSettings)


def read(kind: type[S]) -> S:
    """Reads one settings class, translating pydantic's report into one line per problem for the operator."""
    try:
        return kind()
    except ValidationError as error:
        lines = [_in_words(kind, problem) for problem in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def variables(kind: type[BaseSettings], field: str) -> list[str]:
    """The environment variables a field is read from, the first wins."""
    alias = kind.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [str(alias) if alias else f"{kind.model_config.get('env_prefix', '')}{field}".upper()]


def field_of(kind: type[BaseSettings], variable: str) -> str | None:
    """The field that pydantic names by itself or by its variable."""
    return next((f for f in kind.model_fields if variable == f or variable in variables(kind, f)), None)


def _in_words(kind: type[BaseSettings], problem: Any) -> str:
    loc = str(problem["loc"][0]) if problem["loc"] else ""
    field = field_of(kind, loc)
    name = variables(kind, loc)[0] if field == loc else loc
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
