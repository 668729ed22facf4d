"""What a report may hold, by who reads it.

Promises that whoever reads a report could have read every question in it where it was asked, and every document:
of questions it has those of public channels alone, never of a direct message, a command or a private channel.
"""

from collections.abc import Callable
from dataclasses import dataclass

from agent.types import EVERYONE, Audience
from bot.record.export import PUBLIC_ORIGINS


@dataclass(frozen=True)
class ReportScope:
    """Says who reads a report. Without an ``audience`` it is the operator, in the terminal: they see all
    documents, the questions of the terminal too, and how many others were asked in private.

    ``is_public`` tells of a channel, by its id, whether all full members of the workspace may read it and nobody
    else; ``channel`` is the one where the report is posted. Of many workspaces it tells of one, ``workspace``.
    """

    is_public: Callable[[str], bool]
    audience: Audience | None = None
    channel: str = ""
    workspace: str | None = None

    @property
    def is_operators(self) -> bool:
        """Returns whether the operator alone reads the report."""
        return self.audience is None

    def shows(self, origin: str, channel: str | None) -> bool:
        """Returns whether a question that was asked there may be shown, and what came of it counted."""
        if channel is None:
            return self.is_operators
        if origin not in PUBLIC_ORIGINS or not self.is_public(channel):
            return False
        return self.is_operators or channel == self.channel or self._are_members()

    def _are_members(self) -> bool:
        """Returns whether every reader is a full member of the workspace, who may read each public channel."""
        members = self.audience.members if self.audience else ()
        return bool(members) and all(EVERYONE in member for member in members)
