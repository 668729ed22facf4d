"""Tool calls as cards, in plain words and within Slack's limits."""

import pytest

from agent.tools import ToolLabels
from agent.turn.events import ToolFinished, ToolStarted
from agent.types import CitedPassage, JsonValue, Passage
from bot.slack.replies import task_cards
from bot.slack.replies.task_cards import MAX_SOURCES, TEXT_LIMIT, CardStatus, TaskCard

LABELS = ToolLabels("is searching…", "Searching the documents", "Searched the documents", "Nothing found")


def passage(n: int, *, document: str = "", url: str = "https://handbook.example/leave") -> CitedPassage:
    return CitedPassage(n, Passage(f"c{n}", document or f"d{n}", f"Title {n}", url, "", "", 1.0))


def started(arguments: dict[str, JsonValue]) -> ToolStarted:
    return ToolStarted("a", "search_docs", arguments, LABELS)


def closed(*sources: CitedPassage, labels: ToolLabels | None = None, is_error: bool = False) -> TaskCard:
    card = task_cards.open_card(1, started({}))
    return task_cards.close_card(card, ToolFinished("a", "search_docs", is_error, sources, labels or LABELS))


@pytest.mark.parametrize(
    ("arguments", "details"),
    [
        ({}, ""),
        ({"query": "annual leave"}, "annual leave"),
        ({"document": "leave.md", "part": 2}, '{"document": "leave.md", "part": 2}'),
        ({"query": "see https://evil.example"}, "see (link removed)"),
        ({"query": "the key sk-abcdefghijklmnop1234"}, "the key (removed: looks like a secret)"),
        ({"query": "  two\n lines "}, "two lines"),
        ({"query": "x" * 500}, "x" * (TEXT_LIMIT - 1) + "…"),
    ],
)
def test_the_details_are_the_query_or_all_arguments_made_safe(
    arguments: dict[str, JsonValue], details: str
) -> None:
    assert task_cards.open_card(1, started(arguments)).details == details


def test_a_query_pings_nobody() -> None:
    card = task_cards.open_card(1, started({"query": "<!channel> <@U1> @here"}))
    assert "<" not in card.details
    assert "@here" not in card.details


def test_cards_are_numbered_because_ids_of_a_model_may_repeat() -> None:
    event = started({})
    assert task_cards.open_card(1, event).id != task_cards.open_card(2, event).id


def test_a_card_has_the_tools_own_words() -> None:
    labels = ToolLabels("is counting…", "Counting", "Counted")
    card = task_cards.open_card(1, ToolStarted("a", "count", {}, labels))
    finished = ToolFinished("a", "count", False, (), labels)
    assert (card.title, task_cards.close_card(card, finished).title) == ("Counting", "Counted")


def test_a_finished_search_says_what_it_found_and_links_each_document_once() -> None:
    card = closed(passage(1, document="d"), passage(2, document="d"), passage(3, url="file:///notes.md"))
    assert (card.status, card.output) == (CardStatus.COMPLETE, "3 passages from 2 documents")
    assert card.sources == (("https://handbook.example/leave", "Title 2"),)


def test_only_so_many_documents_are_linked() -> None:
    assert len(closed(*(passage(n) for n in range(9))).sources) == MAX_SOURCES


def test_a_search_without_a_result_says_so_in_the_tools_words() -> None:
    assert closed().output == "Nothing found"
    assert closed(labels=ToolLabels("is counting…", "Counting", "Counted")).output == ""


def test_a_failed_call_says_that_it_goes_on_without() -> None:
    card = closed(passage(1), is_error=True)
    assert (card.status, card.sources) == (CardStatus.ERROR, ())
    assert card.output == "This did not work; going on without it."


def test_details_are_sent_once_because_slack_appends_them() -> None:
    card = task_cards.open_card(1, started({"query": "leave"}))
    assert card.to_chunk(is_first=True)["details"] == "leave"
    assert card.to_chunk(is_first=False) == {
        "type": "task_update",
        "id": "step_1",
        "title": "Searching the documents",
        "status": "in_progress",
    }
