"""Muting a thread by its link: who asked in it is told only to those who may read it."""

import pytest

from agent.errors import UserError
from agent.store.database import Database
from bot.simulator import ADA, GRACE, HR, LINUS, TEAM
from bot.slack import inbox
from bot.slack.docent_command import channel
from bot.slack.docent_command.subcommands import DocentCall
from bot.slack.home.context import HomeContext
from bot.slack.inbox import Origin, ReplyAddress
from tests.bot.slack.home.conftest import home

__all__ = ["home"]


@pytest.mark.parametrize(
    ("user", "said"),
    [
        (GRACE, channel.NOT_YOUR_THREAD.format(owner=ADA)),
        (LINUS, channel.NO_THREAD),  # as for a link to nothing
    ],
)
def test_a_thread_of_a_private_channel_is_none_for_who_is_not_in_it(
    home: HomeContext, database: Database, user: str, said: str
) -> None:
    ts = "1700000000.000200"
    address = ReplyAddress(TEAM, HR, ADA, ts=ts, thread_ts=ts)
    new = inbox.NewQuestion(key="1", address=address, origin=Origin.MENTION, question="How many days?")
    assert inbox.store(database, new)
    link = f"https://stand-in.slack.com/archives/{HR}/p{ts.replace('.', '')}"
    call = DocentCall(ReplyAddress(TEAM, "C0GENERAL01", user), link, "", "/docent")
    assert channel.mute(home, call) == {"text": said}


def test_a_link_to_another_workspace_mutes_no_thread_of_this_one(home: HomeContext, database: Database) -> None:
    ts = "1700000000.000200"
    address = ReplyAddress(TEAM, HR, ADA, ts=ts, thread_ts=ts)
    new = inbox.NewQuestion(key="1", address=address, origin=Origin.MENTION, question="How many days?")
    assert inbox.store(database, new)
    link = f"https://acme.slack.com/archives/{HR}/p{ts.replace('.', '')}"
    call = DocentCall(ReplyAddress(TEAM, "C0GENERAL01", ADA), link, "", "/docent")
    with pytest.raises(UserError, match="link"):
        channel.mute(home, call)
