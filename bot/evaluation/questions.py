"""Sets of questions: read from a file or a folder, whoever wrote it.

Promises: every line is understood or named with what is wrong in it; what may be missing is missing without harm.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agent.errors import UserError

DOCUMENTS = "docs.jsonl"
FILES = ("questions.jsonl", "queries.jsonl")  # what is looked for in a folder, in this order
UNANSWERABLE = "unanswerable"
NOT_KNOWN = "…"  # an earlier answer that nobody wrote down
_PEOPLE = {"user", "person", "human"}


@dataclass(frozen=True)
class EvalQuestion:
    """``earlier`` are the questions and answers before it, oldest first.

    ``grades`` say how relevant each file is; of every one of ``groups`` one file is needed; of every one of
    ``facts`` an answer must hold one wording. Without groups nothing can be said of what was found, without facts
    nothing of what was answered.
    """

    id: str
    text: str
    kind: str = ""
    earlier: tuple[tuple[str, str], ...] = ()
    grades: Mapping[str, float] = field(default_factory=dict)
    groups: tuple[tuple[str, ...], ...] = ()
    facts: tuple[tuple[str, ...], ...] = ()
    is_unanswerable: bool = False


@dataclass(frozen=True)
class QuestionSet:
    """``documents`` is a file of documents that belong to the set, to be indexed apart; None: what is indexed now.

    ``fingerprint`` is the SHA-256 of the file: an equal one promises equal questions.
    """

    name: str
    questions: tuple[EvalQuestion, ...]
    documents: Path | None
    fingerprint: str


def read(path: Path) -> QuestionSet:
    """Reads a set; raises :class:`UserError` that names the line which is not understood."""
    file = _file(path.expanduser())
    try:
        content = file.read_bytes()
        lines = content.decode("utf-8-sig").split("\n")  # not at other ends of lines, which JSON may hold
    except OSError as error:
        raise UserError(f"Cannot read {file} ({error.strerror}). Check its permissions.") from None
    except UnicodeDecodeError:
        raise UserError(f"{file} is not UTF-8 text. Save it as UTF-8, one JSON object a line.") from None
    given = [_line(line, f"{file}, line {n}") for n, line in enumerate(lines, 1) if line.strip()]
    if not given:
        raise UserError(f"{file} holds no question. Write one JSON object a line, with 'question' in it.")
    documents = file.parent / DOCUMENTS
    return QuestionSet(
        name=_name(file),
        questions=tuple(_questions(given)),
        documents=documents if documents.is_file() else None,
        fingerprint=hashlib.sha256(content).hexdigest(),
    )


def select(given: QuestionSet, *, kinds: Sequence[str] = (), limit: int | None = None) -> QuestionSet:
    """The first ``limit`` questions of these kinds; raises :class:`UserError` where that leaves none."""
    there_are = sorted({question.kind for question in given.questions})
    for kind in kinds:
        if kind not in there_are:
            raise UserError(
                f"No question is of the kind '{kind}'. There are: {', '.join(filter(None, there_are))}."
            )
    found = [question for question in given.questions if not kinds or question.kind in kinds]
    return replace(given, questions=tuple(found[:limit]))


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore")

    speaker: str = Field(validation_alias=AliasChoices("speaker", "role"))
    text: str = Field(validation_alias=AliasChoices("text", "content"))


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) else value


_Text = Annotated[str, BeforeValidator(_as_text)]
_Wordings = Annotated[list[_Text], BeforeValidator(_listed)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: _Text = Field(default="", validation_alias=AliasChoices("id", "_id"))
    question: str = Field(min_length=1, validation_alias=AliasChoices("question", "query", "text"))
    kind: str | None = None
    relevant: dict[str, float] | Annotated[list[_Text], BeforeValidator(_listed)] | None = None
    relevant_groups: list[_Wordings] | None = None
    facts: list[_Wordings] | None = None
    answer: str | None = None
    history: list[_Said] | None = None
    follow_up_of: _Text | None = None
    unanswerable: bool | None = None


def _file(path: Path) -> Path:
    if path.is_dir():
        for name in FILES:
            if (path / name).is_file():
                return path / name
        raise UserError(f"{path} holds neither {' nor '.join(FILES)}. Name the file with the questions.")
    if not path.exists():
        raise UserError(f"There is no {path}. Name a file of questions, or a folder with {FILES[0]} in it.")
    return path


def _name(file: Path) -> str:
    """A folder's own set is called like the folder."""
    folder = file.absolute().parent.name
    name = folder if file.name in FILES and folder else file.stem
    if file.name not in FILES and (file.parent / DOCUMENTS).is_file():
        name = f"{folder}-{file.stem}"
    return re.sub(r"[^\w.-]+", "-", name)


def _line(line: str, where: str) -> _Line:
    try:
        return _Line.model_validate(json.loads(line))
    except ValueError as error:
        raise UserError(f"{where} is not understood: {_why(error)}.") from None


def _why(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return f"it is not JSON ({error})"
    problem = error.errors()[0]
    field = ".".join(str(part) for part in problem["loc"] if not str(part).startswith("function-"))
    return "'question' is missing" if problem["type"] == "missing" else f"{field or 'it'}: {problem['msg']}"


def _questions(given: Sequence[_Line]) -> list[EvalQuestion]:
    by_id = {line.id: line for line in given if line.id}
    return [_question(line, line.id or str(n), by_id) for n, line in enumerate(given, 1)]


def _question(line: _Line, id_: str, by_id: Mapping[str, _Line]) -> EvalQuestion:
    """Where only relevant files are named, any one of them will do."""
    groups = [tuple(group) for group in line.relevant_groups or () if group]
    named = line.relevant or [name for group in groups for name in group]
    grades = dict(named) if isinstance(named, dict) else dict.fromkeys(named, 1.0)
    if not groups and grades:
        groups = [tuple(name for name, grade in grades.items() if grade > 0)]
    return EvalQuestion(
        id=id_,
        text=line.question,
        kind=line.kind or (UNANSWERABLE if line.unanswerable else ""),
        earlier=_earlier(line, by_id),
        grades=grades,
        groups=tuple(groups),
        facts=tuple(tuple(wordings) for wordings in line.facts or () if wordings),
        is_unanswerable=bool(line.unanswerable),
    )


def _earlier(line: _Line, by_id: Mapping[str, _Line]) -> tuple[tuple[str, str], ...]:
    """The history as it is given, else that of the question it follows, with what that one should be answered."""
    if line.history:
        return _turns(line.history)
    before = by_id.get(line.follow_up_of or "")
    if before is None or before is line:
        return ()
    others = {id_: other for id_, other in by_id.items() if other is not line}
    return (*_earlier(before, others), (before.question, before.answer or NOT_KNOWN))


def _turns(history: Sequence[_Said]) -> tuple[tuple[str, str], ...]:
    turns: list[tuple[str, str]] = []
    for said in history:
        if said.speaker.lower() in _PEOPLE:
            turns.append((said.text, NOT_KNOWN))
        elif turns:
            question, answer = turns[-1]
            turns[-1] = (question, said.text if answer == NOT_KNOWN else f"{answer}\n{said.text}")
    return tuple(turns)
