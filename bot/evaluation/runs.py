"""Runs as they are kept: one JSON file each under ``DOCENT_HOME/evaluations``, and the difference between two."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.errors import UserError
from bot.evaluation import figures

Run = Mapping[str, Any]
FOLDER = "evaluations"


@dataclass(frozen=True)
class Regressions:
    """Ids of questions that one run got right and the other did not."""

    won: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """``changes`` are those figures that differ, now less then; ``settings`` those that differ, then and now;
    ``is_of_the_same`` questions, all of them."""

    at: str
    before: Mapping[str, float]
    changes: Mapping[str, float]
    settings: Mapping[str, tuple[Any, Any]]
    found: Regressions
    answered: Regressions
    is_of_the_same: bool


def store(run: Run, home: Path, *, at: datetime) -> Path:
    """Writes the run down; raises :class:`UserError` where that is not possible."""
    folder = home.expanduser() / FOLDER
    path = folder / f"{run['set']}-{at:%Y-%m-%dT%H%M%S.%f}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(run, ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"Cannot write {path} ({error.strerror}). Set DOCENT_HOME to a folder you can write to."
        ) from None
    return path


def find_latest(run: Run, home: Path) -> Run | None:
    """The newest kept run of the same questions, with answers if this one has any."""
    for path in sorted((home.expanduser() / FOLDER).glob(f"{run['set']}-*.json"), reverse=True):
        try:
            kept = read(path)
        except UserError:
            continue  # broken off while it was written
        if kept["set"] == run["set"] and _ids(kept) == _ids(run) and _has_answers(kept) >= _has_answers(run):
            return kept
    return None


def read(path: Path) -> Run:
    """A kept run; raises :class:`UserError` for what is none."""
    try:
        run = json.loads(path.expanduser().read_text(encoding="utf-8"))
        if {"set", "at", "questions", "fingerprint"} <= run.keys():
            return dict(run)
    except OSError as error:
        raise UserError(f"Cannot read {path} ({error.strerror}). Check the path.") from None
    except (ValueError, AttributeError):
        pass
    raise UserError(f"{path} is not a run of 'docent eval'. They lie in DOCENT_HOME/{FOLDER}.")


def compare(run: Run, before: Run) -> Difference:
    """What this run has become since; raises :class:`UserError` for runs without a common question."""
    if not _ids(run) & _ids(before):
        raise UserError(f"The run of {before['at']} has no question in common with this one ({before['set']}).")
    told = {figure.name for figure in figures.ALL if figure.name in run and figure.name in before}
    return Difference(
        at=before["at"],
        before={name: before[name] for name in told},
        changes={
            name: round(run[name] - before[name], 6) for name in told if not _is_equal(run[name], before[name])
        },
        settings=_settings(run, before),
        found=_turnabout(run, before, "found", "is_hit"),
        answered=_turnabout(run, before, "answered", "is_right"),
        is_of_the_same=run["fingerprint"] == before["fingerprint"] and _ids(run) == _ids(before),
    )


def to_json(run: Run, difference: Difference | None) -> dict[str, Any]:
    """The run as it is kept, and the difference where there is one."""
    return {**run, "difference": asdict(difference) if difference else None}


def _is_equal(now: float, then: float) -> bool:
    return math.isclose(now, then, abs_tol=1e-9)


def _settings(run: Run, before: Run) -> dict[str, tuple[Any, Any]]:
    """The index's version differs after every sync, whether or not anything in it does."""
    now, then = run["settings"], before.get("settings", {})
    return {
        name: (then[name], now[name])
        for name in now
        if name in then and name != "index_version" and now[name] != then[name]
    }


def _turnabout(run: Run, before: Run, part: str, verdict: str) -> Regressions:
    then = {question["id"]: question.get(part, {}).get(verdict) for question in before["questions"]}
    now = {question["id"]: question.get(part, {}).get(verdict) for question in run["questions"]}
    return Regressions(
        won=tuple(id_ for id_, is_right in now.items() if is_right and then.get(id_) is False),
        lost=tuple(id_ for id_, is_right in now.items() if is_right is False and then.get(id_)),
    )


def _ids(run: Run) -> set[str]:
    return {question["id"] for question in run["questions"]}


def _has_answers(run: Run) -> bool:
    return "n_facts_complete" in run
