"""Block Kit is judged as Slack judges it."""

from typing import Any

import pytest
from slack_sdk.models.blocks import (
    ContextActionsBlock,
    FeedbackButtonObject,
    FeedbackButtonsElement,
    MarkdownBlock,
)

from bot.simulator import GENERAL
from tests.bot.simulator.conftest import Served

Block = dict[str, Any]


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def button(**facts: Any) -> Block:
    return {"type": "button", "text": plain("Go"), "action_id": "go", **facts}


def feedback(**facts: Any) -> Block:
    good = {"text": plain("Good"), "value": "good", **facts}
    buttons = {"type": "feedback_buttons", "positive_button": good, "negative_button": good}
    return {"type": "context_actions", "elements": [buttons]}


def table(n_rows: int, n_columns: int, cell: str = "x") -> Block:
    """A table in Markdown; its head counts as a row."""
    row = "|" + f" {cell} |" * n_columns
    lines = ["|" + " head |" * n_columns, "|" + "---|" * n_columns, *[row] * (n_rows - 1)]
    return {"type": "markdown", "text": "\n".join(lines)}


def option(text: str, value: str = "v") -> Block:
    return {"text": plain(text), "value": value}


def select(**facts: Any) -> Block:
    return {"type": "actions", "elements": [{"type": "static_select", "action_id": "pick", **facts}]}


ACCEPTED: list[list[Block]] = [
    [select(options=[option("x" * 75, "v" * 150)], initial_option=option("x" * 75, "v" * 150))],
    [section("x" * 3_000)],
    [{"type": "header", "text": plain("x" * 150)}],
    [{"type": "divider"}] * 50,
    [{"type": "markdown", "text": "x" * 12_000}],
    [{"type": "context", "elements": [mrkdwn("x")] * 10}],
    [{"type": "actions", "elements": [button(value="v" * 2_000, url="https://example.com")]}],
    [feedback(value="v" * 2_000)],
    [{"type": "section", "fields": [mrkdwn("x" * 2_000)], "accessory": button()}],
    [{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}] * 20] * 100}],
    [table(100, 2)],
    [table(2, 20)],
    [{"type": "task_card", "task_id": "1", "title": "Search", "status": "complete"}],
    [{"type": "alert", "text": mrkdwn("careful"), "level": "warning"}],
]
REFUSED: list[tuple[list[Block], str]] = [
    ([{"type": "divider"}] * 51, "invalid_blocks"),
    ([section("x" * 3_001)], "invalid_blocks"),
    ([section("")], "invalid_blocks"),
    ([{"type": "section"}], "invalid_blocks"),
    ([{"type": "section", "text": mrkdwn("x"), "colour": "red"}], "invalid_blocks"),
    ([{"type": "section", "text": "x"}], "invalid_blocks"),
    ([{"type": "header", "text": plain("x" * 151)}], "invalid_blocks"),
    ([{"type": "header", "text": mrkdwn("x")}], "invalid_blocks"),
    ([{"type": "markdown", "text": ""}], "invalid_blocks"),
    ([{"type": "markdown", "text": "x" * 12_001}], "msg_blocks_too_long"),
    ([{"type": "markdown", "text": "x" * 6_001}] * 2, "msg_blocks_too_long"),
    ([{"type": "markdown", "text": "x" * 12_000}, section("x" * 1_201)], "msg_blocks_too_long"),
    ([{"type": "context", "elements": [mrkdwn("x")] * 11}], "invalid_blocks"),
    ([{"type": "actions", "elements": []}], "invalid_blocks"),
    ([{"type": "actions", "elements": [button(), button()]}], "invalid_blocks"),
    ([{"type": "actions", "elements": [button(action_id=str(n)) for n in range(26)]}], "invalid_blocks"),
    ([{"type": "actions", "elements": [button(value="v" * 2_001)]}], "invalid_blocks"),
    ([{"type": "actions", "elements": [button(text=plain("x" * 76))]}], "invalid_blocks"),
    ([{"type": "actions", "elements": feedback()["elements"]}], "invalid_blocks"),
    ([{"type": "context_actions", "elements": feedback()["elements"] * 6}], "invalid_blocks"),
    ([{"type": "context_actions", "elements": [button()]}], "invalid_blocks"),
    ([feedback(text=plain("x" * 76))], "invalid_blocks"),
    ([feedback(value="v" * 2_001)], "invalid_blocks"),
    ([{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}] * 21]}], "invalid_blocks"),
    ([{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]] * 101}], "invalid_blocks"),
    ([{"type": "table", "rows": [[{"type": "raw_text", "text": ""}]]}], "invalid_blocks"),
    ([{"type": "table", "rows": [[{"type": "raw_text", "text": "x" * 5_001}]]}] * 2, "invalid_blocks"),
    ([table(101, 2)], "invalid_blocks"),
    ([table(2, 21)], "invalid_blocks"),
    ([table(3, 2, cell="")], "invalid_blocks"),
    ([table(3, 2, cell="x" * 2_500)], "invalid_blocks"),
    ([{"type": "divider", "block_id": "b"}, {"type": "divider", "block_id": "b"}], "invalid_blocks"),
    ([{"type": "hologram"}], "invalid_blocks"),
    ([select(options=[])], "invalid_blocks"),
    ([select()], "invalid_blocks"),
    ([select(options=[option("x" * 76)])], "invalid_blocks"),
    ([select(options=[option("x", "v" * 151)])], "invalid_blocks"),
    ([select(options=[option("x")] * 101)], "invalid_blocks"),
    ([select(options=[option("x")], initial_option=option("y"))], "invalid_blocks"),
    ([select(options=[option("x")], placeholder=plain("x" * 151))], "invalid_blocks"),
    ([{"type": "image", "alt_text": "a picture"}], "invalid_blocks"),
]


@pytest.mark.parametrize("blocks", ACCEPTED, ids=lambda blocks: blocks[0]["type"])
def test_blocks_within_the_limits_are_accepted(shared: Served, blocks: list[Block]) -> None:
    posted = shared.client.chat_postMessage(channel=GENERAL, text="fallback", blocks=blocks)
    assert all(block["block_id"] for block in posted["message"]["blocks"])


@pytest.mark.parametrize(("blocks", "code"), REFUSED)
def test_blocks_beyond_the_limits_are_refused(shared: Served, blocks: list[Block], code: str) -> None:
    assert shared.refusal("chat.postMessage", channel=GENERAL, text="fallback", blocks=blocks) == code


def test_the_refusal_points_at_the_fault(shared: Served) -> None:
    shared.refusal("chat.postMessage", channel=GENERAL, text="x", blocks=[section("ok"), section("x" * 3_001)])
    response = shared.workspace.calls[-1].response
    assert response is not None
    metadata: Any = response["response_metadata"]
    assert metadata["messages"] == ["[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]"]


def test_the_models_of_the_sdk_are_accepted(shared: Served) -> None:
    button = FeedbackButtonObject(text="Good", value="good")
    element = FeedbackButtonsElement(action_id="rate", positive_button=button, negative_button=button)
    blocks = [MarkdownBlock(text="**bold**"), ContextActionsBlock(elements=[element])]
    posted = shared.client.chat_postMessage(channel=GENERAL, text="fallback", blocks=blocks)
    assert shared.workspace.message(posted["ts"]).plain == "**bold**\nGood\nGood"
