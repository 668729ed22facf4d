"""The thumbs and the form, in both directions."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from bot.slack.interactions.feedback import feedback_form
from bot.slack.interactions.feedback.feedback_form import COMMENT_CHARS, Thumb
from bot.slack.interactions.feedback.source_reports import CitedDocument

TURN = uuid4()


def submitted(kind: str | None = None, comment: str | None = None) -> dict[str, Any]:
    """A form as Slack sends it back."""
    option = {"value": kind} if kind else None
    values = {"kind": {"kind": {"selected_option": option}}, "comment": {"comment": {"value": comment}}}
    return {"private_metadata": str(TURN), "state": {"values": values}}


def test_what_a_thumb_sends_can_be_read_again() -> None:
    (buttons,) = feedback_form.build_buttons(TURN)["elements"]
    values = [buttons["positive_button"]["value"], buttons["negative_button"]["value"]]
    assert [feedback_form.parse_click(value) for value in values] == [(Thumb.UP, TURN), (Thumb.DOWN, TURN)]


@pytest.mark.parametrize("value", ["", "up", "up:x", "left:00000000-0000-0000-0000-000000000000"])
def test_another_value_is_none_of_ours(value: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        feedback_form.parse_click(value)


@pytest.mark.parametrize(
    ("form", "comment"),
    [
        (submitted(), ""),
        (submitted(kind="wrong"), "It is wrong"),
        (submitted(comment="  It is 6.  "), "It is 6."),
        (submitted(kind="outdated", comment="It is 6."), "It is out of date: It is 6."),
        (submitted(kind="unheard of", comment="It is 6."), "It is 6."),
        (submitted(comment="x" * (COMMENT_CHARS + 1)), "x" * COMMENT_CHARS),
        ({"private_metadata": str(TURN), "state": {"values": {}}}, ""),
    ],
)
def test_a_comment_is_the_choice_and_what_was_written(form: dict[str, Any], comment: str) -> None:
    assert feedback_form.parse_comment(form) == (TURN, comment)


def test_the_form_knows_its_turn_and_offers_every_kind() -> None:
    view = feedback_form.build_view(TURN)
    assert UUID(view["private_metadata"]) == TURN
    kinds, *_ = list_inputs(view)
    assert kinds["type"] == "radio_buttons"
    assert {option["value"] for option in kinds["options"]} == feedback_form.KINDS.keys()


def list_inputs(view: Any) -> list[Any]:
    """What can be filled in."""
    return [block["element"] for block in view["blocks"]]


def test_sources_can_be_ticked_and_one_that_is_wrong_need_not_be_out_of_date() -> None:
    cited = [CitedDocument("d1", "Leave"), CitedDocument("d2", "T" * 100), CitedDocument("x" * 200, "A tool's")]
    *_, outdated, wrong = list_inputs(feedback_form.build_view(TURN, cited))
    assert [option["value"] for option in outdated["options"]] == ["d1", "d2"]
    assert max(len(option["text"]["text"]) for option in wrong["options"]) == feedback_form.TITLE_CHARS
    form = submitted()
    for fault, ids in (("outdated", ["d1", "d2"]), ("wrong", ["d2"])):
        form["state"]["values"][fault] = {fault: {"selected_options": [{"value": id_} for id_ in ids]}}
    assert feedback_form.parse_faults(form) == {"d1": "outdated", "d2": "wrong"}
    assert feedback_form.parse_faults({"state": {"values": {"wrong": {"wrong": {"selected_options": 7}}}}}) == {}
