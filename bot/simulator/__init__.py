"""A small stand-in for Slack on loopback, against which the real, unchanged app runs without an account.

Owns nothing of the app and imports nothing of it. Promises the arguments, error codes, limits, events and
delivery rules of Slack's documentation for what an assistant uses; what a module leaves out is said at its
head. It is kept in memory, and forgets all when its process ends unless it is given an archive.

    workspace = Workspace(request_url="http://127.0.0.1:3000/slack/events", retry_delays=(0.1, 0.5, 2.0))
    with WorkspaceServer(workspace) as server:
        client = WebClient(workspace.bot_token, base_url=server.api_url)
        ts = workspace.person(ADA).mention("#help", "How do I book a room?")
        workspace.wait_for(lambda: len(workspace.thread("#help", ts)) > 1)
"""

from bot.simulator.calls import Call
from bot.simulator.delivery import Delivery
from bot.simulator.directory import (
    ADA,
    GENERAL,
    GONE,
    GRACE,
    GUEST,
    HELP,
    HR,
    LINUS,
    OTHER_BOT,
    PARTNER,
    PARTNERS,
    RANDOM,
    TEAM,
    Channel,
    User,
)
from bot.simulator.errors import WorkspaceError
from bot.simulator.faults import Rule
from bot.simulator.interactions import Ack
from bot.simulator.messages import Message, Stream
from bot.simulator.people import Person
from bot.simulator.server import WorkspaceServer
from bot.simulator.state import Workspace
from bot.simulator.threads import Status

__all__ = [
    "ADA",
    "GENERAL",
    "GONE",
    "GRACE",
    "GUEST",
    "HELP",
    "HR",
    "LINUS",
    "OTHER_BOT",
    "PARTNER",
    "PARTNERS",
    "RANDOM",
    "TEAM",
    "Ack",
    "Call",
    "Channel",
    "Delivery",
    "Message",
    "Person",
    "Rule",
    "Status",
    "Stream",
    "User",
    "Workspace",
    "WorkspaceError",
    "WorkspaceServer",
]
