"""What there is to choose from where something is set for a channel: configured models, sources with documents."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from sqlalchemy import text

from agent.errors import UserError
from agent.llm.model_names import split_address
from agent.settings import AgentSettings
from agent.store.database import Transaction
from bot.slack.channels.channel_settings import Stored

_SOURCES = text("SELECT source FROM documents UNION SELECT source FROM syncs ORDER BY 1")


@dataclass(frozen=True)
class Configured:
    """Names of models, in the order in which they are asked, and of sources."""

    models: Sequence[str]
    sources: Sequence[str]

    def check(self, field: str, value: Any) -> None:
        """Raises :class:`UserError` for a model or a source that there is not."""
        if field == "model" and value not in self.models:
            raise UserError(f"There is no model '{value}' here. It is one of: {', '.join(self.models)}.")
        if field == "sources":
            for name in value:
                if name not in self.sources:
                    raise UserError(self._explain_source(name))

    def within(self, sources: Collection[str]) -> "Configured":
        """Returns the same with these sources alone."""
        return replace(self, sources=[name for name in self.sources if name in sources])

    def find_gone(self, stored: Stored) -> list[str]:
        """Returns a sentence for each model and source that is set but is not there any more."""
        names = [name for name in stored.get("sources") or () if name not in self.sources]
        gone = [f"There is no source '{name}' any more." for name in names]
        model = stored.get("model")
        if model and model not in self.models:
            gone.append(f"The model '{model}' is not configured any more.")
        return gone

    def _explain_source(self, name: str) -> str:
        if not self.sources:
            return f"There is no source '{name}': no documents have been read in yet."
        meant = next(iter(get_close_matches(name, self.sources, cutoff=0.6)), None)
        hint = f"Did you mean '{meant}'? " if meant else ""
        return f"There is no source '{name}'. {hint}The sources are: {', '.join(self.sources)}."


def list_models(settings: AgentSettings) -> list[str]:
    """Returns the names of the configured models, each once."""
    names = [settings.model, *(split_address(fallback)[0] for fallback in settings.fallbacks)]
    return list(dict.fromkeys(names))


def load(transaction: Transaction, models: Sequence[str]) -> Configured:
    """Reads which sources there are."""
    return Configured(models, list(transaction.scalars(_SOURCES)))
