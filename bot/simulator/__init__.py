"""A small simulator of Slack on loopback, against which the real, unchanged app runs without an account.

Owns nothing of the app and imports nothing of it. Promises the arguments, error codes, limits, events and delivery
rules of Slack's documentation for what an assistant uses; each module says what it leaves out. State is in memory,
and lost when the process ends unless there is an archive.

    workspace = Workspace(
        InstalledApp(request_url="http://127.0.0.1:3000/slack/events"), timing=Timing(retry_delays=(0.1, 0.5, 2.0))
    )
    with WorkspaceServer(workspace) as server:
        client = WebClient(workspace.app.bot_token, base_url=server.api_url)
        ts = workspace.person(ADA).mention("#help", "How do I book a room?")
        workspace.wait_for(lambda: len(workspace.thread("#help", ts)) > 1)

Rooms: `blocks` checks Block Kit; `stores` keeps the state and its archive; `delivery` tells the app; `messaging`
changes messages; `people` acts as persons do; `methods` is the Web API; `server` serves it all; `page` is the
browser's side. Each imports only from those before it, and from the modules beside them.
"""

from bot.simulator.delivery.faults import FaultRule
from bot.simulator.delivery.outbox import Delivery
from bot.simulator.errors import WorkspaceError
from bot.simulator.people.person import Person
from bot.simulator.server.http_server import WorkspaceServer
from bot.simulator.server.page_content import PageContent
from bot.simulator.stores.api_call import ApiCall
from bot.simulator.stores.archive import Archive
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
    VISITORS,
    Channel,
    ChannelKind,
    User,
)
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.messages import MessageStream, SlackMessage
from bot.simulator.timing import Timing
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
    "VISITORS",
    "ApiCall",
    "Archive",
    "Channel",
    "ChannelKind",
    "Delivery",
    "FaultRule",
    "InstalledApp",
    "MessageStream",
    "PageContent",
    "Person",
    "SlackMessage",
    "Timing",
    "User",
    "Workspace",
    "WorkspaceError",
    "WorkspaceServer",
]
