"""The Web API: every method the simulator knows, by name.

Owns their descriptions (`METHODS`) and the binding of each family of methods to the stores it needs (`bind`).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from bot.simulator.methods import agents, chat, conversations, files, identity, installing, streams, surfaces
from bot.simulator.methods.arguments import CallArguments, MethodSpec
from bot.simulator.payloads import MethodResponse
from bot.simulator.workspace import Workspace

FamilyT = TypeVar("FamilyT")
MethodRun = Callable[[CallArguments], MethodResponse]
METHODS: dict[str, MethodSpec[Any]] = {
    **identity.METHODS,
    **chat.METHODS,
    **streams.METHODS,
    **agents.METHODS,
    **conversations.METHODS,
    **surfaces.METHODS,
    **files.METHODS,
    **installing.METHODS,
}


def bind(workspace: Workspace) -> dict[str, MethodRun]:
    """Returns each method as a function of its arguments."""
    app, directory, messages = workspace.app, workspace.directory, workspace.messages
    messenger, events, clock = workspace.messenger, workspace.events, workspace.timing.clock
    identity_methods = identity.IdentityMethods(app, directory, workspace.sockets, clock)
    chat_methods = chat.ChatMethods(
        app,
        directory=directory,
        messages=messages,
        messenger=messenger,
        events=events,
        timestamps=workspace.timestamps,
    )
    stream_methods = streams.StreamMethods(
        app,
        directory=directory,
        messages=messages,
        threads=workspace.threads,
        messenger=messenger,
        events=events,
        clock=clock,
    )
    agent_methods = agents.AgentMethods(app, directory, workspace.threads, workspace.changes)
    conversation_methods = conversations.ConversationMethods(app, directory, messages, events)
    surface_methods = surfaces.SurfaceMethods(
        app, directory=directory, views=workspace.views, messenger=messenger, changes=workspace.changes
    )
    file_methods = files.FileMethods(app, directory=directory, files=workspace.files, messenger=messenger)
    installing_methods = installing.InstallingMethods(app, workspace.installations, workspace.uninstall, clock)
    return {
        **_bind_family(installing_methods, installing.METHODS),
        **_bind_family(identity_methods, identity.METHODS),
        **_bind_family(chat_methods, chat.METHODS),
        **_bind_family(stream_methods, streams.METHODS),
        **_bind_family(agent_methods, agents.METHODS),
        **_bind_family(conversation_methods, conversations.METHODS),
        **_bind_family(surface_methods, surfaces.METHODS),
        **_bind_family(file_methods, files.METHODS),
    }


def _bind_family(family: FamilyT, specs: dict[str, MethodSpec[FamilyT]]) -> dict[str, MethodRun]:
    return {name: partial(spec.run, family) for name, spec in specs.items()}
