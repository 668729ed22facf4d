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

from bot.simulator.delivery.faults import Rule
from bot.simulator.delivery.outbox import Delivery
from bot.simulator.errors import WorkspaceError
from bot.simulator.people.interactions import Ack
from bot.simulator.people.person import Person
from bot.simulator.server.http_server import WorkspaceServer
from bot.simulator.stores.call_log import Call
from bot.simulator.stores.directory import (
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
from bot.simulator.stores.messages import Message, Stream
from bot.simulator.stores.threads import Status
from bot.simulator.workspace import Workspace

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
