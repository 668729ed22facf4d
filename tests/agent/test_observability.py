"""Logs go to standard error as it is at that moment, and never end what they tell of."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent import observability, secrets
from agent.settings import AgentSettings
from agent.types import EndReason


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


Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Lines]]:
    """Has lines be written as JSON from then on, and returns what reads them; to be called in the test itself."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level

    def write_json() -> Lines:
        written = io.StringIO()
        monkeypatch.setattr(sys, "stderr", written)
        root.handlers = []
        observability.set_up(AgentSettings(log_format="json"), process="test")
        return lambda: [json.loads(line) for line in written.getvalue().splitlines()]

    yield write_json
    root.handlers = handlers
    root.setLevel(level)


def test_a_line_as_json_has_its_event_its_fields_and_the_ids_of_its_question(
    begin: Callable[[], Lines],
) -> None:
    lines = begin()
    with observability.context(turn_id="t", session_id="s"):
        observability.log.info("turn_ended", reason=EndReason.ANSWERED, n=1, says="Ä\nb")
        error_id = observability.report(ValueError("what was asked"), event="turn_failed")
    ended, failed = lines()
    assert datetime.fromisoformat(ended.pop("time")).tzinfo
    ids = {"turn_id": "t", "session_id": "s"}
    assert ended == {"event": "turn_ended", "level": "info", "reason": "answered", "n": 1, "says": "Ä\nb", **ids}
    assert (failed["event"], failed["level"], failed["error_id"]) == ("turn_failed", "error", error_id)
    assert failed.items() >= ids.items()
    assert "what was asked" not in str(failed)


@pytest.mark.parametrize("name", ["slack_bolt.App", "rq.worker", "waitress", "sqlalchemy.pool"])
def test_lines_of_other_libraries_have_the_same_form_and_no_secrets(begin: Callable[[], Lines], name: str) -> None:
    lines = begin()
    token = "xoxb-1234567890-abcdefghijklmnop"
    with observability.context(turn_id="t"):
        logging.getLogger(name).warning("refused %s\n%s", token, "twice")
        try:
            raise ValueError(f"with {token}")
        except ValueError:
            logging.getLogger(name).exception("failed")
    refused, failed = lines()
    assert refused["event"] == f"refused {secrets.MASK}\ntwice"
    assert (refused["logger"], refused["level"], refused["turn_id"]) == (name, "warning", "t")
    assert "time" in refused
    assert (failed["level"], failed["event"]) == ("error", "failed")
    assert "ValueError" in failed["exception"]
    assert token not in str([refused, failed])


def test_a_field_that_is_no_json_is_written_as_text(begin: Callable[[], Lines]) -> None:
    lines = begin()
    observability.log.warning("odd", path=Path("/srv"), cost=Decimal("0.1"))
    assert {key: lines()[0][key] for key in ("path", "cost")} == {"path": "/srv", "cost": "0.1"}
