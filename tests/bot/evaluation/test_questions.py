"""Sets of questions as people write them, and the documents their files are."""

from pathlib import Path
from typing import Any

import pytest

from agent.errors import UserError
from bot.evaluation import questions
from bot.evaluation.questions import NOT_KNOWN, EvalQuestion
from tests.bot.evaluation.question_files import write_lines


def only(folder: Path, **line: Any) -> EvalQuestion:
    (question,) = questions.read(write_lines(folder, line)).questions
    return question


def test_a_question_alone_is_enough(tmp_path: Path) -> None:
    given = questions.read(write_lines(tmp_path, {"question": "How long?"}, "", {"question": "And then?"}))
    assert [question.id for question in given.questions] == ["1", "2"]
    assert given.questions[0] == EvalQuestion(id="1", text="How long?")
    assert given.name == tmp_path.name


def test_lines_end_where_json_lines_end(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_bytes('\ufeff{"question": "One\u2028line?"}\r\n{"question": "Two?"}\r\n'.encode())
    assert [question.text for question in questions.read(path).questions] == ["One\u2028line?", "Two?"]


def test_of_files_alone_any_one_will_do(tmp_path: Path) -> None:
    question = only(tmp_path, id=7, query="x", relevant=["a.md", "b.md"], facts=["one", ["2", "two"]])
    assert (question.id, question.groups, question.grades) == (
        "7",
        (("a.md", "b.md"),),
        {"a.md": 1.0, "b.md": 1.0},
    )
    assert question.facts == (("one",), ("2", "two"))


def test_groups_alone_name_the_relevant_files(tmp_path: Path) -> None:
    question = only(tmp_path, question="x", relevant_groups=[["a.md", "b.md"], "c.md"])
    assert question.groups == (("a.md", "b.md"), ("c.md",))
    assert question.grades.keys() == {"a.md", "b.md", "c.md"}


def test_files_may_be_graded(tmp_path: Path) -> None:
    question = only(tmp_path, question="x", relevant={"a.md": 2, "b.md": 0})
    assert question.groups == (("a.md",),)
    assert question.grades == {"a.md": 2.0, "b.md": 0.0}


def test_a_history_is_read_as_turns(tmp_path: Path) -> None:
    said = [("user", "Who?"), ("agent", "All."), ("assistant", "Really."), ("user", "Why?")]
    history = [{"speaker": speaker, "text": text} for speaker, text in said]
    assert only(tmp_path, question="x", history=history).earlier == (
        ("Who?", "All.\nReally."),
        ("Why?", NOT_KNOWN),
    )
    history = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "All."}]
    assert only(tmp_path, question="x", history=history).earlier == (("Who?", "All."),)


def test_a_follow_up_without_a_history_follows_the_question_it_names(tmp_path: Path) -> None:
    lines = [
        {"id": "a", "question": "How much?", "answer": "Ten."},
        {"id": "b", "question": "and then?", "follow_up_of": "a"},
        {"id": "c", "question": "and in Porto?", "follow_up_of": "b"},
        {"id": "d", "question": "and me?", "follow_up_of": "d"},
    ]
    *_, c, d = questions.read(write_lines(tmp_path, *lines)).questions
    assert c.earlier == (("How much?", "Ten."), ("and then?", NOT_KNOWN))
    assert d.earlier == ()


def test_cases_that_were_exported_can_be_read(tmp_path: Path) -> None:
    lists = ("history", "relevant", "relevant_groups", "facts", "fact_files", "cited")
    texts = {"id": "turn-1", "kind": "rated_badly", "question": "How long?", "answer": "", "said": "No."}
    exported = {**{name: [] for name in lists}, **texts}
    question = only(tmp_path, **exported)
    assert (question.kind, question.groups, question.is_unanswerable) == ("rated_badly", (), False)


def test_what_nothing_answers_is_a_kind(tmp_path: Path) -> None:
    assert only(tmp_path, question="x", unanswerable=True).kind == "unanswerable"


def test_questions_beside_documents_are_asked_of_them(tmp_path: Path) -> None:
    write_lines(tmp_path, {"id": "1", "text": "x"}, name="docs.jsonl")
    write_lines(tmp_path, {"_id": "1", "text": "x"}, name="queries.jsonl")
    other = write_lines(tmp_path, {"question": "y"}, name="queries_train.jsonl")
    assert questions.read(tmp_path).documents == tmp_path / "docs.jsonl"
    assert questions.read(tmp_path).questions[0].text == "x"
    assert questions.read(other).name == f"{tmp_path.name}-queries_train"
    assert questions.read(other).documents == tmp_path / "docs.jsonl"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2 is not understood: it is not JSON"),
        ({"id": "x"}, "line 2 is not understood: 'question' is missing"),
        ({"question": "x", "facts": 7}, "line 2 is not understood: facts"),
        ("[]", "line 2 is not understood"),
    ],
)
def test_what_is_not_understood_is_named_by_its_line(tmp_path: Path, line: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        questions.read(write_lines(tmp_path, {"question": "x"}, line))


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for path, said in ((tmp_path, "neither questions.jsonl nor"), (tmp_path / "x", "There is no")):
        with pytest.raises(UserError, match=said):
            questions.read(path)
    with pytest.raises(UserError, match="contains no questions"):
        questions.read(write_lines(tmp_path))


def test_of_a_set_some_kinds_or_the_first_can_be_chosen(tmp_path: Path) -> None:
    given = questions.read(write_lines(tmp_path, *({"question": str(n), "kind": "ab"[n % 2]} for n in range(6))))
    assert [q.text for q in questions.select(given, kinds=["b"], limit=2).questions] == ["1", "3"]
    with pytest.raises(UserError, match="The kinds are: a, b"):
        questions.select(given, kinds=["c"])
