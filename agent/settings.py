"""The kernel's settings, read lazily from the environment; nobody else here reads ``os.environ``."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent.errors import SettingsError

EXTRACTIVE_MODEL = "local/extractive"
S = TypeVar("S", bound=BaseSettings)


class Settings(BaseSettings):
    """Environment variables start with ``DOCENT_`` unless a host sets them under a usual name."""

    model_config = SettingsConfigDict(env_prefix="DOCENT_", env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Field(default=Path(".docent"), description="Embedded servers and the local index")
    database_url: SecretStr | None = Field(default=None, validation_alias=AliasChoices("DATABASE_URL"))
    model: str = Field(default=EXTRACTIVE_MODEL, min_length=1, description="Any LiteLLM chat model")
    model_api_base: str | None = Field(default=None, description="Base URL of an OpenAI-compatible server")
    extractive_words_per_second: float = Field(
        default=0, ge=0, description="Pace of answers without a language model; 0: at once"
    )
    sentry_dsn: SecretStr | None = Field(default=None, validation_alias=AliasChoices("SENTRY_DSN"))
    sentry_traces_sample_rate: float = Field(default=0.1, ge=0, le=1)
    environment: str = "production"
    release: str = Field(
        default="docent@0.1.0", validation_alias=AliasChoices("DOCENT_RELEASE", "HEROKU_SLUG_COMMIT")
    )
    log_level: str = Field(default="INFO", pattern="^(?i:DEBUG|INFO|WARNING|ERROR|CRITICAL)$")

    max_steps: int = Field(default=10, ge=1, description="Model calls per turn, the closing one included")
    max_tokens: int = Field(default=100_000, ge=1_000, description="Prompt and completion tokens per turn")
    max_seconds: float = Field(default=120, gt=0, description="Wall time of one attempt at a turn")
    max_completion_tokens: int = Field(default=2_000, ge=16, description="Completion tokens per model call")
    model_timeout_seconds: float = Field(default=60, gt=0, description="One model call, retries apart")
    model_retries: int = Field(default=2, ge=0, description="Further tries after a transient failure")
    max_attempts: int = Field(default=3, ge=1, description="Claims of a turn before it ends as failed")
    lease_seconds: float = Field(default=9, gt=0, description="A worker silent for this long has lost its turn")
    max_question_chars: int = Field(default=8_000, ge=100)
    max_tool_result_chars: int = Field(default=24_000, ge=1_000)

    def fingerprint(self) -> str:
        """SHA-256 over every setting that shapes an answer; stored on each turn."""
        shaping = self.model_dump(mode="json", include={"model", "model_api_base"} | _LIMITS)
        return sha256(repr(sorted(shaping.items())).encode()).hexdigest()


_LIMITS = {"max_steps", "max_tokens", "max_seconds", "max_completion_tokens", "max_tool_result_chars"}


@cache
def load() -> Settings:
    """The process's settings; raises :class:`SettingsError` in one line per problem."""
    return read(Settings)


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
    "greater_than": "it must be more than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than": "it must be less than {lt}",
    "less_than_equal": "it must be at most {le}",
    "string_pattern_mismatch": "it must match {pattern}",
}
