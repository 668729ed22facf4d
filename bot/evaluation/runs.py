"""Stores reports of runs under ``DOCENT_HOME/evaluations``, one JSON file each, and compares two of them."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from agent.errors import UserError
from bot.evaluation import figures
from bot.evaluation.figures import FigureName
from bot.evaluation.report import EvalReport, QuestionReport, Setting

FOLDER = "evaluations"
VARYING_SETTINGS = {"index_version"}  # changes with every sync, even if the index does not


@dataclass(frozen=True)
class Regressions:
    """Ids of questions that the later run got right and the earlier one did not (``won``), or the reverse."""

    won: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """What changed since an earlier run.

    ``changes`` are later minus earlier values of the figures that differ; ``settings`` earlier and later values of
    those that differ. ``is_of_the_same``: both runs had the same questions.
    """

    at: str
    before: Mapping[str, float]
    changes: Mapping[str, float]
    settings: Mapping[str, tuple[Setting, Setting]]
    found: Regressions
    answered: Regressions
    is_of_the_same: bool


def store(report: EvalReport, home: Path, *, at: datetime) -> Path:
    """Writes the report to a new file and returns its path; raises :class:`UserError` if that fails."""
    folder = home.expanduser() / FOLDER
    path = folder / f"{report.set}-{at:%Y-%m-%dT%H%M%S.%f}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report.to_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"Cannot write {path} ({error.strerror}). Set DOCENT_HOME to a folder you can write to."
        ) from None
    return path


def find_latest(report: EvalReport, home: Path) -> EvalReport | None:
    """Returns the newest stored report with the same questions; with answers, if ``report`` has answers."""
    for path in sorted((home.expanduser() / FOLDER).glob(f"{report.set}-*.json"), reverse=True):
        try:
            stored = read(path)
        except UserError:
            continue  # the run was killed while it wrote the file
        is_same = stored.set == report.set and _ids(stored) == _ids(report)
        if is_same and _has_answers(stored) >= _has_answers(report):
            return stored
    return None


def read(path: Path) -> EvalReport:
    """Reads a stored report; raises :class:`UserError` if the file is missing or is something else."""
    try:
        report = EvalReport.from_json(json.loads(path.expanduser().read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"Cannot read {path} ({error.strerror}). Check the path.") from None
    except ValueError:
        report = None
    if report is None:
        raise UserError(f"{path} is not a run of 'docent eval'. Runs are stored in DOCENT_HOME/{FOLDER}.")
    return report


def compare(report: EvalReport, before: EvalReport) -> Difference:
    """Compares a report with an earlier one; raises :class:`UserError` if they have no question in common."""
    if not _ids(report) & _ids(before):
        raise UserError(f"The run of {before.at} ({before.set}) has no question in common with this one.")
    names = {figure.name for figure in figures.ALL if figure.name in report.figures.keys() & before.figures.keys()}
    now, then = report.figures, before.figures
    return Difference(
        at=before.at,
        before={name: then[name] for name in names},
        changes={
            name: round(now[name] - then[name], 6)
            for name in names
            if not math.isclose(now[name], then[name], abs_tol=1e-9)
        },
        settings=_compare_settings(report, before),
        found=_compare_verdicts(report, before, _is_hit),
        answered=_compare_verdicts(report, before, _is_right),
        is_of_the_same=report.fingerprint == before.fingerprint and _ids(report) == _ids(before),
    )


def to_json(report: EvalReport, difference: Difference | None) -> dict[str, object]:
    """Returns the report as it is stored, with the difference to an earlier run."""
    return {**report.to_json(), "difference": asdict(difference) if difference else None}


def _compare_settings(report: EvalReport, before: EvalReport) -> dict[str, tuple[Setting, Setting]]:
    now, then = report.settings, before.settings
    common = [name for name in now if name in then and name not in VARYING_SETTINGS]
    return {name: (then[name], now[name]) for name in common if now[name] != then[name]}


def _compare_verdicts(
    report: EvalReport, before: EvalReport, verdict: Callable[[QuestionReport], bool | None]
) -> Regressions:
    then = {question["id"]: verdict(question) for question in before.questions}
    now = {question["id"]: verdict(question) for question in report.questions}
    return Regressions(
        won=tuple(id_ for id_, is_right in now.items() if is_right and then.get(id_) is False),
        lost=tuple(id_ for id_, is_right in now.items() if is_right is False and then.get(id_)),
    )


def _is_hit(question: QuestionReport) -> bool | None:
    return question["found"].get("is_hit") if "found" in question else None


def _is_right(question: QuestionReport) -> bool | None:
    return question["answered"].get("is_right") if "answered" in question else None


def _ids(report: EvalReport) -> set[str]:
    return {question["id"] for question in report.questions}


def _has_answers(report: EvalReport) -> bool:
    return FigureName.N_FACTS_COMPLETE in report.figures
