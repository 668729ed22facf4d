"""Logs go to standard error as it is at that moment, and never end what they tell of."""

import io
import sys

import pytest

from agent import observability
from agent.settings import AgentSettings


def test_a_closed_standard_error_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    observability.set_up(AgentSettings(), process="test")
    observability.log.warning("told", n=1)
    first_text = first.getvalue()
    first.close()
    observability.log.warning("lost")
    monkeypatch.setattr(sys, "stderr", second)
    observability.log.warning("told", n=2)
    assert "n=1" in first_text
    assert "n=2" in second.getvalue()
