"""The check of Sentry: a valid address, and a host that can be reached."""

import pytest

import agent.settings
from bot.doctor import sentry
from bot.doctor.context import CheckContext
from tests.system import free_port


@pytest.mark.parametrize(
    ("dsn", "state"),
    [("nonsense", "problem"), ("https://sentry.example/1", "problem"), ("http://k@127.0.0.1:{}/1", "")],
)
def test_sentrys_address(context: CheckContext, dsn: str, state: str, silent: int) -> None:
    for port, expected in ((silent, "ok"), (free_port(), "warning")):
        context.kernel = agent.settings.AgentSettings.model_validate({"SENTRY_DSN": dsn.format(port)})
        (finding,) = sentry.sentry(context)
        assert finding.state == (state or expected)
