"""What a channel's settings make of the agent that answers there: narrower, or told how; never freer."""

from collections.abc import Sequence
from dataclasses import replace

from agent.llm.request import Model
from agent.prompting.prompt import Guidance
from agent.store.tables import BudgetScope
from agent.turn.config import AgentConfig
from bot.slack.channels.channel_settings import ChannelSettings
from ingest.library import Library


def apply(agent: AgentConfig, settings: ChannelSettings) -> AgentConfig:
    """Returns the agent as it answers in a channel with these settings; the same one where they say nothing."""
    library = agent.resources.get(Library)
    resources = agent.resources
    if settings.sources and isinstance(library, Library):
        resources = {**resources, Library: library.within(settings.sources)}
    limits = {(BudgetScope.CHANNEL, period): usd for period, usd in settings.budgets.items()}
    changed = replace(
        agent,
        models=_put_first(agent.models, settings.model),
        budgets=agent.budgets.narrow(limits),
        guidance=Guidance(settings.tone, settings.instructions),
        resources=resources,
    )
    return agent if changed == agent else changed


def _put_first(models: Sequence[Model], name: str) -> Sequence[Model]:
    """Returns the models with the named one first; as they are where there is none of that name any more."""
    chosen = next((model for model in models if model.name == name), models[0])
    return models if chosen is models[0] else (chosen, *(model for model in models if model is not chosen))
