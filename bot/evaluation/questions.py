"""Reads question sets for ``docent eval`` from a file or a folder.

A set is a file of JSON objects, one per line. Only the question is required::

    {"id": "leave", "kind": "plain", "question": "How many days can I carry over?",
     "relevant_groups": [["people/leave.md"]], "facts": [["5 days", "five days"]]}
    {"id": "yeti", "question": "Who feeds the yeti?", "unanswerable": true}

Of each group in ``relevant_groups`` one file must be found (``relevant``: a single group); of each list in
``facts`` the answer must contain one wording. ``history`` (speaker and text) or ``follow_up_of`` (an id) make a
follow-up. Promises that a line that cannot be used is named with the reason.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agent.errors import UserError

DOCUMENTS = "docs.jsonl"
PAGES = "pages"  # a folder of documents beside the questions
FILES = ("questions.jsonl", "queries.jsonl")  # names of a folder's set; the first that exists is read
UNANSWERABLE = "unanswerable"
NOT_KNOWN = "…"  # stands for an earlier answer that the set does not contain
_PEOPLE = {"user", "person", "human"}


@dataclass(frozen=True)
class EvalQuestion:
    """A question and what a right result contains.

    ``earlier`` are earlier questions with their answers, oldest first. ``grades`` say how relevant each file is;
    of each of ``groups`` one file must be found; of each of ``facts`` the answer must contain one wording. Without
    groups the search result is not judged, without facts the answer is not.
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
    """The questions of a file. ``documents`` is a file of documents that belong to the set, or None; ``pages`` is
    a folder of documents beside it that may be read in for a run, or None.

    ``fingerprint`` is the SHA-256 of the question file: equal fingerprints mean equal questions.
    """

    name: str
    questions: tuple[EvalQuestion, ...]
    documents: Path | None
    fingerprint: str
    pages: Path | None = None


def read(path: Path) -> QuestionSet:
    """Reads a set; raises :class:`UserError`, with the number of the line if one cannot be used."""
    file = _find_file(path.expanduser())
    try:
        content = file.read_bytes()
        lines = content.decode("utf-8-sig").split(
            "\n"
        )  # str.splitlines would also split at U+2028, which JSON may contain
    except OSError as error:
        raise UserError(f"Cannot read {file} ({error.strerror}). Check its permissions.") from None
    except UnicodeDecodeError:
        raise UserError(f"{file} is not UTF-8 text. Save it as UTF-8, one JSON object per line.") from None
    entries = [_parse_line(line, f"{file}, line {n}") for n, line in enumerate(lines, 1) if line.strip()]
    if not entries:
        raise UserError(f"{file} contains no questions. Write one JSON object per line, with a 'question' in it.")
    documents = file.parent / DOCUMENTS
    return QuestionSet(
        name=_name_set(file),
        questions=tuple(_make_questions(entries)),
        documents=documents if documents.is_file() else None,
        fingerprint=hashlib.sha256(content).hexdigest(),
        pages=pages if (pages := file.parent / PAGES).is_dir() else None,
    )


def select(set_: QuestionSet, *, kinds: Sequence[str] = (), limit: int | None = None) -> QuestionSet:
    """Returns the set with the first ``limit`` questions of these kinds; raises :class:`UserError` if none is
    left."""
    known = sorted({question.kind for question in set_.questions})
    for kind in kinds:
        if kind not in known:
            raise UserError(f"No question has the kind '{kind}'. The kinds are: {', '.join(filter(None, known))}.")
    questions = [question for question in set_.questions if not kinds or question.kind in kinds]
    return replace(set_, questions=tuple(questions[:limit]))


class _Speech(BaseModel):
    model_config = ConfigDict(extra="ignore")

    speaker: str = Field(validation_alias=AliasChoices("speaker", "role"))
    text: str = Field(validation_alias=AliasChoices("text", "content"))


def _to_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _to_text(value: object) -> object:
    return str(value) if isinstance(value, int) else value


_Text = Annotated[str, BeforeValidator(_to_text)]
_Wordings = Annotated[list[_Text], BeforeValidator(_to_list)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: _Text = Field(default="", validation_alias=AliasChoices("id", "_id"))
    question: str = Field(min_length=1, validation_alias=AliasChoices("question", "query", "text"))
    kind: str | None = None
    relevant: dict[str, float] | Annotated[list[_Text], BeforeValidator(_to_list)] | None = None
    relevant_groups: list[_Wordings] | None = None
    facts: list[_Wordings] | None = None
    answer: str | None = None
    history: list[_Speech] | None = None
    follow_up_of: _Text | None = None
    unanswerable: bool | None = None


def _find_file(path: Path) -> Path:
    if path.is_dir():
        for name in FILES:
            if (path / name).is_file():
                return path / name
        raise UserError(f"{path} contains neither {' nor '.join(FILES)}. Give the file with the questions.")
    if not path.exists():
        raise UserError(f"There is no {path}. Give a file of questions, or a folder with {FILES[0]} in it.")
    return path


def _name_set(file: Path) -> str:
    """Names the set after its folder if the file has a usual name, else after the file (and the folder)."""
    folder = file.absolute().parent.name
    name = folder if file.name in FILES and folder else file.stem
    if file.name not in FILES and (file.parent / DOCUMENTS).is_file():
        name = f"{folder}-{file.stem}"
    return re.sub(r"[^\w.-]+", "-", name)


def _parse_line(line: str, where: str) -> _Entry:
    try:
        return _Entry.model_validate(json.loads(line))
    except ValueError as error:
        raise UserError(f"{where} is not understood: {_explain(error)}.") from None


def _explain(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return f"it is not JSON ({error})"
    problem = error.errors()[0]
    field = ".".join(str(part) for part in problem["loc"] if not str(part).startswith("function-"))
    return "'question' is missing" if problem["type"] == "missing" else f"{field or 'it'}: {problem['msg']}"


def _make_questions(entries: Sequence[_Entry]) -> list[EvalQuestion]:
    by_id = {entry.id: entry for entry in entries if entry.id}
    return [_make_question(entry, entry.id or str(n), by_id) for n, entry in enumerate(entries, 1)]


def _make_question(entry: _Entry, id_: str, by_id: Mapping[str, _Entry]) -> EvalQuestion:
    """Makes a question; if it has only relevant files and no groups, any one of the files is enough."""
    groups = [tuple(group) for group in entry.relevant_groups or () if group]
    relevant = entry.relevant or [name for group in groups for name in group]
    grades = dict(relevant) if isinstance(relevant, dict) else dict.fromkeys(relevant, 1.0)
    if not groups and grades:
        groups = [tuple(name for name, grade in grades.items() if grade > 0)]
    return EvalQuestion(
        id=id_,
        text=entry.question,
        kind=entry.kind or (UNANSWERABLE if entry.unanswerable else ""),
        earlier=_collect_earlier(entry, by_id),
        grades=grades,
        groups=tuple(groups),
        facts=tuple(tuple(wordings) for wordings in entry.facts or () if wordings),
        is_unanswerable=bool(entry.unanswerable),
    )


def _collect_earlier(entry: _Entry, by_id: Mapping[str, _Entry]) -> tuple[tuple[str, str], ...]:
    """Returns the entry's own history, else the question that it follows with that one's expected answer."""
    if entry.history:
        return _pair_turns(entry.history)
    before = by_id.get(entry.follow_up_of or "")
    if before is None or before is entry:
        return ()
    others = {id_: other for id_, other in by_id.items() if other is not entry}
    return (*_collect_earlier(before, others), (before.question, before.answer or NOT_KNOWN))


def _pair_turns(history: Sequence[_Speech]) -> tuple[tuple[str, str], ...]:
    turns: list[tuple[str, str]] = []
    for speech in history:
        if speech.speaker.lower() in _PEOPLE:
            turns.append((speech.text, NOT_KNOWN))
        elif turns:
            question, answer = turns[-1]
            turns[-1] = (question, speech.text if answer == NOT_KNOWN else f"{answer}\n{speech.text}")
    return tuple(turns)
