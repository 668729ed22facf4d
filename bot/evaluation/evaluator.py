"""``docent eval``: reads a set, looks its questions up, asks them where that is wanted, and keeps the run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

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
from bot.evaluation.figures import Case
from bot.evaluation.isolated_index import IsolatedIndex
from bot.evaluation.questions import EvalQuestion, QuestionSet
from bot.jobs import wiring
from ingest.library import Library
from ingest.sync.staging import PIPELINE_VERSION

N_AT_ONCE = 4  # questions asked of a model elsewhere; one in this process has the cores to itself
N_EXAMPLES = 3


@dataclass(frozen=True)
class EvalOptions:
    """What to do with a set. ``n_at_once`` is how many questions are asked together, None for the usual."""

    path: Path
    answers: bool = False
    kinds: tuple[str, ...] = ()
    limit: int | None = None
    n_at_once: int | None = None
    compare: Path | None = None


@dataclass(frozen=True)
class EvalRun:
    """``run`` is what was kept in ``path``; ``difference`` is that to an earlier run, if there is one."""

    run: runs.Run
    cases: tuple[Case, ...]
    difference: runs.Difference | None
    path: Path


def evaluate(database: Database, wanted: EvalOptions, *, console: Console) -> EvalRun:
    """Evaluates a set; progress goes to ``console``.

    Raises :class:`UserError` for a set that is not understood, and where there is nothing it could be asked of.
    """
    given = questions.select(questions.read(wanted.path), kinds=wanted.kinds, limit=wanted.limit)
    before = runs.read(wanted.compare) if wanted.compare else None
    started = now()
    with Progress(console=console, transient=True) as progress, _library(database, given, progress) as (of, own):
        known = files.list_documents(own.database if own else database)
        named = {name for question in given.questions for name in question.grades}
        matched = files.match(named, known)
        missing = _missing(named, matched, console)
        names = {document.id: f"{document.source}:{document.uri}" for document in known} | matched
        cases = _cases(database, given.questions, of, names, wanted=wanted, progress=progress)
        told = _told(given, cases, of, own, missing=missing, started=started, wanted=wanted)
    home = agent.settings.load().home
    before = before or runs.find_latest(told, home)
    return EvalRun(
        run=told,
        cases=tuple(cases),
        difference=runs.compare(told, before) if before else None,
        path=runs.store(told, home, at=started),
    )


@contextmanager
def _library(
    database: Database, given: QuestionSet, progress: Progress
) -> Iterator[tuple[Library, IsolatedIndex | None]]:
    """The index there is, or one of the set's own documents, made for the run."""
    settings = ingest.settings.load()
    if given.documents is None:
        library = Library(database, settings)
        if problem := library.status().problem:
            raise UserError(problem)
        yield library, None
        return
    task = progress.add_task("Reading the set's documents", total=None)
    with isolated_index.build(
        given.documents,
        settings,
        progress=lambda done, total: progress.update(task, completed=done, total=total),
    ) as own:
        yield own.library, own


def _missing(named: set[str], names: Mapping[str, str], console: Console) -> list[str]:
    """The files that no document stands for; says so, and raises where that is all of them."""
    missing = sorted(named - set(names.values()))
    if not missing:
        return []
    examples = ", ".join([*missing[:N_EXAMPLES], *(["…"] if len(missing) > N_EXAMPLES else [])])
    if len(missing) == len(named):
        raise UserError(
            f"No file that the questions name is in the index ({examples}). "
            "Read the documents of this set in: docent ingest FOLDER."
        )
    console.print(
        f"[yellow]{len(missing)} of the {len(named)} files that the questions name are not in the index[/] "
        f"({escape(examples)}), or not everyone may read them: they count as not found. Read them in with "
        "'docent ingest', and see what it says of them."
    )
    return missing


def _cases(
    database: Database,
    given: Sequence[EvalQuestion],
    library: Library,
    names: Mapping[str, str],
    *,
    wanted: EvalOptions,
    progress: Progress,
) -> list[Case]:
    found = retrieval.find(given, library, names, progress=_advance(progress, "Looking up", len(given)))
    if not wanted.answers:
        return [Case(*pair) for pair in zip(given, found, strict=True)]
    at = wiring.build(agent.settings.load(), database)
    try:
        at = replace(at, agent=replace(at.agent, resources={**at.agent.resources, Library: library}))
        is_here = is_local(at.agent.models[0].name)
        if not is_here:
            _announce(len(given), at.agent.models[0].name, progress.console)
        answered = answers.ask(
            given,
            at,
            names,
            n_at_once=wanted.n_at_once or (1 if is_here else N_AT_ONCE),
            progress=_advance(progress, "Asking", len(given)),
        )
    finally:
        at.leases.close()
    return [Case(*three) for three in zip(given, found, answered, strict=True)]


def _advance(progress: Progress, what: str, total: int) -> Callable[[], None]:
    task = progress.add_task(what, total=total)
    return lambda: progress.advance(task)


def _announce(n: int, model: str, console: Console) -> None:
    limit = agent.settings.load().budget_person_day_usd
    spends = "without a limit of a day" if limit is None else f"for at most ${limit} today (the person 'eval')"
    console.print(f"Asking {n} questions of {model}, {spends}.", markup=False)


def _told(
    given: QuestionSet,
    cases: Sequence[Case],
    library: Library,
    own: IsolatedIndex | None,
    *,
    missing: Sequence[str],
    started: datetime,
    wanted: EvalOptions,
) -> dict[str, Any]:
    return {
        "set": given.name,
        "at": started.isoformat(timespec="seconds"),
        "seconds": round((now() - started).total_seconds(), 1),
        **figures.summarize(cases),
        "by_kind": figures.summarize_by_kind(cases),
        "not_indexed": list(missing),
        "settings": _settings(library, has_answers=wanted.answers),
        "documents": _documents(own),
        "fingerprint": given.fingerprint,
        "questions": [case.as_json() for case in cases],
    }


def _settings(library: Library, *, has_answers: bool) -> dict[str, Any]:
    """Those on which the figures depend."""
    kernel, status = agent.settings.load(), library.status()
    told = {
        "release": kernel.release,
        "embedding_model": status.embedding_model,
        "chunk_tokens": ingest.settings.load().chunk_tokens,
        "pipeline_version": PIPELINE_VERSION,
        "index_version": status.version,
        "n_chunks": status.n_chunks,
    }
    if has_answers:
        told |= {
            "model": kernel.model,
            "fallback_models": kernel.fallback_models,
            "prompt_version": prompt.version(),
            "settings_hash": kernel.fingerprint(),
        }
    return told


def _documents(own: IsolatedIndex | None) -> dict[str, Any] | None:
    """How fast the set's own documents were read in; with an index that was there, nobody knows."""
    if own is None:
        return None
    n, seconds = own.report.n_added, own.report.seconds
    return {
        "n": n,
        "n_problems": len(own.report.problems),
        "seconds": round(seconds, 1),
        "per_second": round(n / seconds, 1) if seconds else 0.0,
    }
