"""Runs an evaluation: reads the set, searches for its questions, asks them if wanted, and stores the report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

import agent.settings
import ingest.settings
from agent.clock import now
from agent.errors import UserError
from agent.llm.model_names import is_local
from agent.prompting import prompt
from agent.store.database import Database
from bot.evaluation import answers, figures, files, isolated_index, questions, retrieval, runs
from bot.evaluation.answers import AnsweredQuestion
from bot.evaluation.figures import Case
from bot.evaluation.isolated_index import IsolatedIndex
from bot.evaluation.questions import EvalQuestion, QuestionSet
from bot.evaluation.report import EvalReport, IndexingReport, Setting
from bot.jobs import wiring
from ingest.library import Library
from ingest.sync.staging import PIPELINE_VERSION

N_AT_ONCE = 4  # for a model elsewhere; the model in this process uses all cores for one question
N_EXAMPLES = 3


@dataclass(frozen=True)
class EvalOptions:
    """What to evaluate. ``answers``: ask the questions too. ``n_at_once`` is None for the default.

    ``own_documents``: read in the folder of pages beside the questions for this run, and search that.
    """

    path: Path
    answers: bool = False
    kinds: tuple[str, ...] = ()
    limit: int | None = None
    n_at_once: int | None = None
    compare: Path | None = None
    own_documents: bool = False


@dataclass(frozen=True)
class EvalRun:
    """A finished run. ``report`` is stored in ``path``; ``difference`` is None without an earlier run."""

    report: EvalReport
    cases: tuple[Case, ...]
    difference: runs.Difference | None
    path: Path


@dataclass(frozen=True)
class _SearchedIndex:
    """``own`` is set if the index was made for this run; ``names`` are the set's paths by document id."""

    library: Library
    own: IsolatedIndex | None
    names: Mapping[str, str]
    missing: Sequence[str]


def evaluate(database: Database, options: EvalOptions, *, console: Console) -> EvalRun:
    """Evaluates a question set and stores the report; prints progress on ``console``.

    Raises :class:`UserError` for a set that cannot be used, and if there is no index or no document of the set.
    For example::

        evaluate(database, EvalOptions(Path("questions.jsonl")), console=Console(stderr=True))
    """
    set_ = read_set(options)
    before = runs.read(options.compare) if options.compare else None
    started = now()
    with (
        Progress(console=console, transient=True) as progress,
        _open_library(database, set_, progress, own_documents=options.own_documents) as (library, own),
    ):
        index = _match_files(own.database if own else database, set_, library, own, console)
        cases = _measure(database, set_.questions, index, options=options, progress=progress)
        report = _make_report(set_, cases, index, started=started, has_answers=options.answers)
    home = agent.settings.load().home
    before = before or runs.find_latest(report, home)
    return EvalRun(
        report=report,
        cases=tuple(cases),
        difference=runs.compare(report, before) if before else None,
        path=runs.store(report, home, at=started),
    )


def read_set(options: EvalOptions) -> QuestionSet:
    """Reads the questions that the options choose; raises :class:`UserError` for a set that cannot be used."""
    set_ = questions.select(questions.read(options.path), kinds=options.kinds, limit=options.limit)
    if options.own_documents and not (set_.documents or set_.pages):
        raise UserError(
            f"The set {set_.name} has no documents of its own: no docs.jsonl and no folder pages beside it."
        )
    return set_


@contextmanager
def _open_library(
    database: Database, set_: QuestionSet, progress: Progress, *, own_documents: bool
) -> Iterator[tuple[Library, IsolatedIndex | None]]:
    """Opens the existing index, or indexes the set's own documents for this run."""
    settings = ingest.settings.load()
    documents = set_.documents or (set_.pages if own_documents else None)
    if documents is None:
        library = Library(database, settings)
        if problem := library.status().problem:
            raise UserError(problem)
        yield library, None
        return
    task = progress.add_task("Indexing the set's documents", total=None)
    with isolated_index.build(
        documents,
        settings,
        progress=lambda n_done, n_total: progress.update(task, completed=n_done, total=n_total),
    ) as own:
        yield own.library, own


def _match_files(
    database: Database, set_: QuestionSet, library: Library, own: IsolatedIndex | None, console: Console
) -> _SearchedIndex:
    documents = files.list_documents(database)
    paths = {path for question in set_.questions for path in question.grades}
    matches = files.match(paths, documents)
    missing = sorted(paths - set(matches.values()))
    if missing:
        _report_missing(missing, len(paths), console)
    names = {document.id: f"{document.source}:{document.uri}" for document in documents} | matches
    return _SearchedIndex(library, own, names, missing)


def _report_missing(missing: Sequence[str], n_files: int, console: Console) -> None:
    """Says which files of the set are not in the index; raises :class:`UserError` if none is."""
    examples = ", ".join([*missing[:N_EXAMPLES], *(["…"] if len(missing) > N_EXAMPLES else [])])
    if len(missing) == n_files:
        raise UserError(
            f"None of the files that the questions name is in the index ({examples}). "
            "Read the documents of this set in first: docent ingest FOLDER."
        )
    console.print(
        f"[yellow]{len(missing)} of the {n_files} files that the questions name are not in the index[/] "
        f"({escape(examples)}), or not everyone may read them. They count as not found. Read them in with "
        "'docent ingest', and see which problems it reports."
    )


def _measure(
    database: Database,
    questions_: Sequence[EvalQuestion],
    index: _SearchedIndex,
    *,
    options: EvalOptions,
    progress: Progress,
) -> list[Case]:
    """Searches for each question and, if the options say so, asks it."""
    advance = _add_task(progress, "Searching", len(questions_))
    results = retrieval.find(questions_, index.library, index.names, progress=advance)
    if not options.answers:
        return [Case(question, result) for question, result in zip(questions_, results, strict=True)]
    answered = _ask(database, questions_, index, n_at_once=options.n_at_once, progress=progress)
    return [Case(*parts) for parts in zip(questions_, results, answered, strict=True)]


def _ask(
    database: Database,
    questions_: Sequence[EvalQuestion],
    index: _SearchedIndex,
    *,
    n_at_once: int | None,
    progress: Progress,
) -> list[AnsweredQuestion]:
    context = wiring.build(agent.settings.load(), database)
    try:
        resources = {**context.agent.resources, Library: index.library}
        context = replace(context, agent=replace(context.agent, resources=resources))
        model = context.agent.models[0].name
        if not is_local(model):
            _announce_cost(len(questions_), model, progress.console)
        return answers.ask(
            questions_,
            context,
            index.names,
            n_at_once=n_at_once or (1 if is_local(model) else N_AT_ONCE),
            progress=_add_task(progress, "Asking", len(questions_)),
        )
    finally:
        context.leases.close()


def _add_task(progress: Progress, title: str, total: int) -> Callable[[], None]:
    task = progress.add_task(title, total=total)
    return lambda: progress.advance(task)


def _announce_cost(n_questions: int, model: str, console: Console) -> None:
    limit = agent.settings.load().budget_person_day_usd
    cost = "without a daily limit" if limit is None else f"for at most ${limit} today (as the person 'eval')"
    console.print(f"Asking {n_questions} questions of {model}, {cost}.", markup=False)


def _make_report(
    set_: QuestionSet, cases: Sequence[Case], index: _SearchedIndex, *, started: datetime, has_answers: bool
) -> EvalReport:
    return EvalReport(
        set=set_.name,
        at=started.isoformat(timespec="seconds"),
        seconds=round((now() - started).total_seconds(), 1),
        figures=figures.summarize(cases),
        by_kind=figures.summarize_by_kind(cases),
        not_indexed=list(index.missing),
        settings=_collect_settings(index.library, has_answers=has_answers),
        documents=_report_indexing(index.own) if index.own else None,
        fingerprint=set_.fingerprint,
        questions=[case.to_json() for case in cases],
    )


def _collect_settings(library: Library, *, has_answers: bool) -> dict[str, Setting]:
    """Returns the settings on which the figures depend."""
    kernel, status = agent.settings.load(), library.status()
    settings: dict[str, Setting] = {
        "release": kernel.release,
        "embedding_model": status.embedding_model,
        "chunk_tokens": ingest.settings.load().chunk_tokens,
        "pipeline_version": PIPELINE_VERSION,
        "index_version": status.version,
        "n_chunks": status.n_chunks,
    }
    if has_answers:
        settings |= {
            "model": kernel.model,
            "fallback_models": kernel.fallback_models,
            "prompt_version": prompt.version(),
            "settings_hash": kernel.fingerprint(),
        }
    return settings


def _report_indexing(own: IsolatedIndex) -> IndexingReport:
    n, seconds = own.report.n_added, own.report.seconds
    return IndexingReport(
        n=n,
        n_problems=len(own.report.problems),
        seconds=round(seconds, 1),
        per_second=round(n / seconds, 1) if seconds else 0.0,
    )
