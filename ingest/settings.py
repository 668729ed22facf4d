"""Defines the library's settings, which are read lazily from the environment."""

from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent import settings as agent_settings

STATIC_EMBEDDING_MODEL = "static"
SENTENCE_EMBEDDING_MODEL = "minilm"
LOCAL_EMBEDDING_MODELS = (
    STATIC_EMBEDDING_MODEL,
    SENTENCE_EMBEDDING_MODEL,
)  # without a network and without a price
_SENTENCE_MODEL_PACKAGE = "all_minilm_l6_v2"


INDEX_SCHEMES = ("s3", "s3+ddb", "gs", "az", "abfs", "abfss", "file", "db")
SERVICE = "db://"  # of an index that a LanceDB service keeps


def choose_embedding_model() -> str:
    """Returns the best model that runs here: the sentence model where its weights are installed."""
    return SENTENCE_EMBEDDING_MODEL if find_spec(_SENTENCE_MODEL_PACKAGE) else STATIC_EMBEDDING_MODEL


class OcrUse(StrEnum):
    """What text recognition reads."""

    ALL = "all"  # scanned pages, and pictures as documents
    SCANS = "scans"
    OFF = "off"


class IngestSettings(BaseSettings):
    """The library's settings; their environment variables begin with ``DOCENT_``."""

    model_config = SettingsConfigDict(env_prefix="DOCENT_", env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Field(default=Path(".docent"), description="Folder of the index unless DOCENT_INDEX_URI is set")
    index_uri: str | None = Field(
        default=None,
        description="Folder, s3:// (gs://, az://) or db:// address of the index; empty: a folder of DOCENT_HOME",
    )
    index_key: SecretStr | None = Field(
        default=None, description="API key of the LanceDB service, for an index at db://"
    )
    index_region: str = Field(default="us-east-1", description="Region of the LanceDB service")
    index_host: str | None = Field(
        default=None, description="Address of a LanceDB service of one's own, such as https://lancedb.internal"
    )
    mirror_gb: float = Field(
        default=10,
        ge=0,
        description="Gigabytes that the copy of an index in a bucket may take below DOCENT_HOME on each machine "
        "that searches; 0: no copy, every search reads the bucket",
    )
    config: Path = Field(default=Path("docent.toml"), description="File that declares the sources of documents")
    embedding_model: str = Field(
        default_factory=choose_embedding_model,
        min_length=1,
        description="minilm or static (both in wheels, no network), or any embedding model of LiteLLM; empty: "
        "minilm where it is installed. After a change run docent reindex",
    )
    embedding_tokens_per_minute: int | None = Field(
        default=None,
        ge=1,
        description="Tokens of documents that one process sends the embedding model per minute; empty: no limit",
    )
    rerank_model: str | None = Field(
        default=None,
        description="A rerank model of LiteLLM, which orders the best passages of a search again; empty: none",
    )
    sync_lease_seconds: float = Field(
        default=60,
        ge=1,
        description="Seconds after which a process that does not renew its claims loses its documents to others",
    )
    chunk_tokens: int = Field(default=220, ge=40, le=2_000, description="Tokens of the largest chunk")
    top_k: int = Field(default=20, ge=1, le=50, description="Chunks that a search returns; tools may show fewer")

    ocr: OcrUse = Field(
        default=OcrUse.ALL,
        description="What text recognition reads where the extra ocr is installed: all (scanned pages of PDFs, "
        "and PNG and JPEG files as documents), scans, off",
    )
    ocr_pages: int = Field(
        default=50, ge=1, le=1_000, description="Scanned pages of one document that are recognised; each takes 3 s"
    )
    ocr_seconds: int = Field(
        default=30, ge=5, le=300, description="Seconds of a processor in which one page has to be recognised"
    )

    @field_validator("index_uri")
    @classmethod
    def _require_scheme(cls, address: str | None) -> str | None:
        scheme, is_remote, _ = (address or "").partition("://")
        if is_remote and scheme not in INDEX_SCHEMES:
            known = ", ".join(f"{name}://" for name in INDEX_SCHEMES)
            raise ValueError(f"begins with {scheme}://; an index is in a folder, or at {known}")
        return address

    @model_validator(mode="after")
    def _require_key(self) -> Self:
        if self.index_address.startswith(SERVICE) and not self.index_key:
            raise ValueError("DOCENT_INDEX_URI names a LanceDB service; set its API key as DOCENT_INDEX_KEY")
        return self

    @property
    def is_config_named(self) -> bool:
        """Returns whether the file of sources was named, so that it must exist."""
        return "config" in self.model_fields_set

    @property
    def index_address(self) -> str:
        """Returns the address of the index; without a setting, a folder of ``home``."""
        return self.index_uri or str(self.home.expanduser().absolute() / "index")


@cache
def load() -> IngestSettings:
    """Loads the process's settings; raises :class:`agent.errors.SettingsError` with one line per problem."""
    return agent_settings.read(IngestSettings)
