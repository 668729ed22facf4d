"""A recorded turn and its replay, side by side."""

import json

import pytest

from bot.cli import comparison
from bot.record.replay import Comparison, TurnSummary

RECORDED = TurnSummary(
    turn_id="01a221f8-df7d-76cc-b7dc-538728dec07c",
    model="openai/old",
    prompt="7 (aaaaaaaa)",
    answer="Five days [1].",
    status="completed",
    reason="answered",
    sources=[{"n": 1, "title": "Leave", "url": "https://handbook.example/leave"}],
    n_steps=2,
    tool_calls=["search_docs"],
    prompt_tokens=1_000,
    cached_tokens=400,
    completion_tokens=50,
    cost_usd=0.002,
    model_ms=1_500,
    tool_ms=20,
)
REPLAYED: TurnSummary = {**RECORDED, "model": "openai/new", "answer": "At most five days [1]."}


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def test_both_turns_are_in_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    both = Comparison(recorded=RECORDED, replayed=REPLAYED, tools="recorded", n_calls_not_recorded=2)
    comparison.print_comparison(both, as_json=False)
    printed = capsys.readouterr().out
    lines = {line.strip("│ ").partition(" ")[0]: line for line in printed.splitlines()}
    assert "openai/old" in lines["model"]
    assert "openai/new" in lines["model"]
    assert "1000 (400 cached) + 50" in lines["tokens"]
    assert "The tools returned their recorded results" in printed
    assert "2 calls were not made in the recorded turn" in printed


def test_live_tools_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    both = Comparison(recorded=RECORDED, replayed=REPLAYED, tools="live", n_calls_not_recorded=0)
    comparison.print_comparison(both, as_json=False)
    assert "The tools ran again, on today's documents." in capsys.readouterr().out


def test_for_programs_it_is_the_comparison_itself(capsys: pytest.CaptureFixture[str]) -> None:
    both = Comparison(recorded=RECORDED, replayed=REPLAYED, tools="live", n_calls_not_recorded=0)
    comparison.print_comparison(both, as_json=True)
    assert json.loads(capsys.readouterr().out) == both
