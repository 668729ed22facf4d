"""The options of ``docent eval`` and its exit code."""

import json
from pathlib import Path

import pytest

from agent.errors import UserError
from tests.bot.evaluation.question_files import QUESTIONS, Evaluate, write_lines


def test_the_json_stands_alone_on_standard_output_and_is_kept(run: Evaluate, handbook: Path, home: Path) -> None:
    told = json.loads(run(write_lines(handbook, *QUESTIONS), "--json").stdout)
    figures = ("n_answerable", "hits_at_5", "ndcg_at_10", "recall_at_10", "mrr")
    assert [told[name] for name in figures] == [1, 1, 1.0, 1.0, 1.0]
    assert told["settings"]["embedding_model"] == "static"
    (kept,) = (home / "evaluations").iterdir()
    assert json.loads(kept.read_text()) == {name: value for name, value in told.items() if name != "difference"}


def test_a_figure_below_its_floor_fails_the_command(run: Evaluate, handbook: Path) -> None:
    questions = write_lines(handbook, *QUESTIONS)
    assert run(questions, "--at-least", "hits_at_5=1", "--at-least", "mrr=0.5").exit_code == 0
    missed = run(questions, "--at-least", "hits_at_5=2")
    assert missed.exit_code == 1
    assert "hits_at_5 is 1 but should be at least 2." in missed.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--at-least", "hits=3"], "'hits=3' is not a figure"),
        (["--at-most", "hits_at_5"], "Write NAME=VALUE"),
        (["--at-most", "n_wrong_refusals=3"], "Add --answers"),
        (["--compare", "no/such.json"], "Cannot read no/such.json"),
        (["--kind", "typo"], "No question has the kind 'typo'"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is(
    run: Evaluate, handbook: Path, arguments: list[str], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        run(write_lines(handbook, *QUESTIONS), *arguments)


@pytest.mark.parametrize(
    ("third", "arguments", "said"),
    [
        ({"question": "Where?"}, [], "The set third has no documents of its own"),
        ({"question": "Where?"}, ["--compare", "run.json"], "--compare is for one set"),
        ("{", [], "line 1"),
    ],
)
def test_a_set_that_cannot_be_used_is_named_before_any_is_measured(
    run: Evaluate, tmp_path: Path, third: object, arguments: list[str], said: str
) -> None:
    first, last = tmp_path / "first", tmp_path / "third"
    (first / "pages").mkdir(parents=True)
    last.mkdir()
    with pytest.raises(UserError, match=said):
        run(write_lines(first, *QUESTIONS), write_lines(last, third), *arguments)
    assert not (tmp_path / "home" / "evaluations").exists()
