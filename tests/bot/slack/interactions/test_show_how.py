"""What Show how tells, and whom."""

import json
from collections.abc import Collection
from decimal import Decimal

import pytest

from bot.slack.interactions import show_how
from bot.slack.interactions.recorded_answer import RecordedStep
from tests.bot.slack.interactions.recorded import record


@pytest.mark.parametrize(("unreadable", "is_named"), [((), True), (("d1",), False), (None, False)])
def test_a_call_names_no_document_that_its_reader_may_not_read(
    unreadable: Collection[str] | None, is_named: bool
) -> None:
    arguments = {"document": "Bonus plan", "heading": "Sales"}
    step = RecordedStep("read_document", arguments, {"passages": [{"n": 1}]}, False, 0, Decimal(0), 3)
    said = json.dumps(show_how.build(record("7 percent [1]."), [step], {1: "7 percent."}, unreadable=unreadable))
    assert "read_document" in said
    assert ("Bonus plan" in said) == ("Sales" in said) == is_named
