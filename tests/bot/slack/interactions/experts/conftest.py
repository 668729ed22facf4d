"""Docent with what the clock finishes, and experts in a channel."""

from collections.abc import Callable

import pytest

from bot.record.care import unfinished
from bot.record.care.unfinished import Unfinished
from bot.simulator import GRACE, HELP
from bot.slack.channels import channel_settings
from tests.bot.slack.docent import Docent

GROUP = "S0PEOPLE01"
SetChannel = Callable[..., None]


@pytest.fixture
def set_channel(docent: Docent) -> SetChannel:
    """Sets it as the operator does."""

    def set_(channel: str = HELP, **values: object) -> None:
        with docent.database.transaction() as transaction:
            for field, value in values.items():
                team = docent.workspace.app.team_id
                channel_settings.change(
                    transaction, team=team, channel=channel, field=field, value=value, changed_by="operator"
                )
        docent.settings.refresh(docent.database)

    return set_


@pytest.fixture
def experts(docent: Docent, set_channel: SetChannel) -> None:
    """Grace, and whoever is in a user group."""
    set_channel(experts=[GRACE, GROUP])


@pytest.fixture
def clock(docent: Docent) -> Unfinished:
    return unfinished.build(docent.database, docent.slack)
