"""Tool calls as cards, in plain words and within Slack's limits."""

import pytest

from agent.turn.events import ToolFinished, ToolStarted
from agent.types import CitedPassage, Passage
from bot.slack.replies import task_cards
from bot.slack.replies.task_cards import MAX_SOURCES, TEXT_LIMIT, CardStatus


def passage(n: int, *, document: str = "", url: str = "https://handbook.example/leave") -> CitedPassage:
    return CitedPassage(n, Passage(f"c{n}", document or f"d{n}", f"Title {n}", url, "", "", 1.0))


def closed(*sources: CitedPassage, name: str = "search_docs", is_error: bool = False) -> task_cards.TaskCard:
    card = task_cards.open_card(1, ToolStarted("a", name, {}))
    return task_cards.close_card(card, ToolFinished("a", name, is_error, sources))


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
def test_the_details_are_the_query_or_all_arguments_made_safe(arguments: dict[str, object], details: str) -> None:
    assert task_cards.open_card(1, ToolStarted("a", "search_docs", arguments)).details == details


def test_a_query_pings_nobody() -> None:
    card = task_cards.open_card(1, ToolStarted("a", "search_docs", {"query": "<!channel> <@U1> @here"}))
    assert "<" not in card.details
    assert "@here" not in card.details


def test_cards_are_numbered_because_ids_of_a_model_may_repeat() -> None:
    event = ToolStarted("same", "search_docs", {})
    assert task_cards.open_card(1, event).id != task_cards.open_card(2, event).id


@pytest.mark.parametrize(
    ("name", "title"),
    [("search_docs", "Searched the documents"), ("look_up_order", "Used look up order"), ("!!", "Used a tool")],
)
def test_a_tool_is_named_in_words(name: str, title: str) -> None:
    assert closed(name=name).title == title


def test_a_finished_search_says_what_it_found_and_links_each_document_once() -> None:
    card = closed(passage(1, document="d"), passage(2, document="d"), passage(3, url="file:///notes.md"))
    assert (card.status, card.output) == (CardStatus.COMPLETE, "3 passages from 2 documents")
    assert card.sources == (("https://handbook.example/leave", "Title 2"),)


def test_only_so_many_documents_are_linked() -> None:
    assert len(closed(*(passage(n) for n in range(9))).sources) == MAX_SOURCES


@pytest.mark.parametrize(("name", "output"), [("search_docs", "Nothing found"), ("current_time", "")])
def test_a_search_without_a_result_says_so(name: str, output: str) -> None:
    assert closed(name=name).output == output


def test_a_failed_call_says_that_it_goes_on_without() -> None:
    card = closed(passage(1), is_error=True)
    assert (card.status, card.sources) == (CardStatus.ERROR, ())
    assert card.output == "This did not work; going on without it."


def test_details_are_sent_once_because_slack_appends_them() -> None:
    card = task_cards.open_card(1, ToolStarted("a", "search_docs", {"query": "leave"}))
    assert card.to_chunk(is_first=True)["details"] == "leave"
    assert card.to_chunk(is_first=False) == {
        "type": "task_update",
        "id": "step_1",
        "title": "Searching the documents",
        "status": "in_progress",
    }
