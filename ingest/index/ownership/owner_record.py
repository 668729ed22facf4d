"""Defines what an index says of itself: which deployment it belongs to, and who writes it at the moment."""

import json
import os
import socket
from dataclasses import asdict, dataclass, replace
from uuid import uuid4

from agent.errors import UserError

PATH = ".docent/owner.json"  # below the index's address


class IndexOfAnother(UserError):
    """The index belongs to another deployment; nothing was written."""


class WriterReplaced(UserError):
    """Another process writes the index now: this one was away for too long; it writes no more."""


@dataclass(frozen=True)
class OwnerRecord:
    """``deployment`` owns the index. ``holder`` writes now, empty if nobody does; ``fence`` grows with each one,
    ``beat`` with each sign of life of it."""

    deployment: str
    holder: str = ""
    fence: int = 0
    beat: int = 0

    def to_json(self) -> bytes:
        """Writes the record as JSON."""
        return json.dumps(asdict(self)).encode()

    def require(self, deployment: str, address: str) -> None:
        """Raises :class:`IndexOfAnother` unless this deployment is the owner."""
        if self.deployment != deployment:
            raise IndexOfAnother(
                f"The index at {address} belongs to another deployment of Docent (it has another database), and "
                "nothing was written. Set DOCENT_INDEX_URI to an address of its own; or, if the other one is gone "
                "or this database was restored or made anew, run 'docent take-over-index'."
            )

    def give_to(self, holder: str) -> "OwnerRecord":
        """Returns the record with another holder."""
        return replace(self, holder=holder, fence=self.fence + 1, beat=0)


def from_json(content: bytes, address: str) -> OwnerRecord:
    """Reads a record; raises :class:`UserError` for what is none."""
    try:
        return OwnerRecord(**json.loads(content))
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{PATH} at {address} cannot be read: Docent did not write it, or a newer release did. Run the newest "
            "release everywhere, or 'docent take-over-index' to write it anew."
        ) from error


def new_holder() -> str:
    """Makes a name that no other writer has."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:12]}"
