"""Every Web API method this workspace knows, by name."""

from bot.simulator.methods import agents, chat, conversations, identity, streams, surfaces
from bot.simulator.methods.arguments import Method

METHODS: dict[str, Method] = {
    **identity.METHODS,
    **chat.METHODS,
    **streams.METHODS,
    **agents.METHODS,
    **conversations.METHODS,
    **surfaces.METHODS,
}
