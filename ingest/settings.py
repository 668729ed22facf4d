"""The library's settings, read lazily from the environment."""

from functools import cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent import settings as agent_settings

STATIC_EMBEDDING_MODEL = "static"


class IngestSettings(BaseSettings):
    """Environment variables start with ``DOCENT_``."""

    model_config = SettingsConfigDict(env_prefix="DOCENT_", env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Field(default=Path(".docent"), description="Where the index lies unless DOCENT_INDEX_URI is set")
    index_uri: str | None = Field(default=None, description="Folder or s3:// address of the LanceDB index")
    config: Path = Field(default=Path("docent.toml"), description="The file that declares the sources")
    embedding_model: str = Field(
        default=STATIC_EMBEDDING_MODEL,
        min_length=1,
        description="'static' (inside the wheel, no network) or any LiteLLM embedding model",
    )
    embedding_tokens_per_minute: int | None = Field(
        default=None, ge=1, description="Most tokens of documents a process sends the embedding model; empty: all"
    )
    rerank_model: str | None = Field(
        default=None, description="A LiteLLM rerank model that reads the best passages once more; empty: none"
    )
    sync_lease_seconds: float = Field(
        default=60, ge=1, description="A process silent for this long has lost the documents it reads to others"
    )
    chunk_tokens: int = Field(default=220, ge=40, le=2_000, description="Largest chunk, in tokens")
    top_k: int = Field(default=20, ge=1, le=50, description="Chunks per search, before tools bound their tokens")

    @property
    def index_address(self) -> str:
        """The address the index is opened under; without a setting, a folder of ``home``."""
        return self.index_uri or str(self.home.expanduser().absolute() / "index")


@cache
def load() -> IngestSettings:
    """The process's settings; raises :class:`agent.errors.SettingsError` in one line per problem."""
    return agent_settings.read(IngestSettings)
