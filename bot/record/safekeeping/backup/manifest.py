"""What a backup says of itself: by which release it was made, when, what it contains and what it does not.

Read from files that may come from anywhere, so it is validated. Contains no secret: of those it has the names.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

FORMAT = 1  # raise it when an earlier release could not read the file


class BackupPart(BaseModel):
    """One member of the archive; of a table, with its columns in the order of the copy."""

    model_config = ConfigDict(frozen=True)

    name: str
    n_rows: int
    n_bytes: int
    sha256: str
    columns: tuple[str, ...] = ()


class BackedUpIndex(BaseModel):
    """The index that was searched. Where it ``is_included``, its documents are a part of the backup."""

    model_config = ConfigDict(frozen=True)

    address: str
    table: str
    embedding_model: str
    is_included: bool = False


class BackupManifest(BaseModel):
    """Everything but the parts themselves.

    ``settings`` are variables of the environment with their values, ``secrets`` only names of variables.
    ``token_keys`` are fingerprints of the keys that encrypt the tokens of ``n_encrypted`` workspaces. ``n_open``
    counts the questions that were waiting for an answer.
    """

    model_config = ConfigDict(frozen=True)

    format: int
    release: str
    revision: str
    taken_at: datetime
    index: BackedUpIndex
    settings: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    token_keys: tuple[str, ...] = ()
    n_encrypted: int = 0
    n_open: int = 0
    left_out: tuple[str, ...] = ()
    parts: tuple[BackupPart, ...] = ()

    def find(self, name: str) -> BackupPart | None:
        """Returns the part of this name, if there is one."""
        return next((part for part in self.parts if part.name == name), None)
