"""Checks this machine: settings, Python, the home folder, the clock."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, FindingState
from bot.outages import machine
from bot.processes import private_files, startup_checks

OLDEST_PYTHON = (3, 11)
LOW_DISK_BYTES = 1_000_000_000
NO_DISK_BYTES = 100_000_000
DRIFT_WARNING_SECONDS = 5
DRIFT_PROBLEM_SECONDS = 60  # Slack's signatures are refused beyond 300
DATE_HEADER_SECONDS = 2  # uncertainty: the header has whole seconds, and the request takes time


def settings() -> Iterator[Finding]:
    """Reports invalid settings, and variables that look like a setting but are not."""
    problems = startup_checks.find_problems()
    for line in problems:
        yield Finding("settings", FindingState.PROBLEM, line)
    for name, meant in startup_checks.find_unknown():
        advice = f"Did you mean {meant}?" if meant else "Remove it; docs/settings.md lists every setting."
        yield Finding(
            "settings", FindingState.WARNING, f"{name} is not a setting of Docent, so it has no effect.", advice
        )
    if not problems:
        n_set = sum(1 for name in startup_checks.known_variables() if os.environ.get(name))
        source = Path.cwd() / ".env"
        yield Finding(
            "settings",
            FindingState.OK,
            f"{n_set} set; {'.env was read' if source.exists() else f'there is no file {source}'}",
        )


def python() -> Iterator[Finding]:
    """Checks the version."""
    version = platform.python_version()
    if sys.version_info >= OLDEST_PYTHON:
        yield Finding("python", FindingState.OK, f"{version} on {platform.system()} {platform.machine()}")
    else:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        yield Finding(
            "python", FindingState.PROBLEM, f"{version} is too old.", f"Docent needs Python {oldest} or newer."
        )


def home(folder: Path) -> Iterator[Finding]:
    """Checks that DOCENT_HOME can be written to and has space."""
    folder = folder.expanduser().absolute()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        outage = machine.explain_folder(existing, error)
        yield Finding("home", FindingState.PROBLEM, outage.text, outage.advice)
        return
    n_free = shutil.disk_usage(existing).free
    text = f"{folder} is writable; {n_free / 1e9:.1f} GB free"
    if n_free < LOW_DISK_BYTES:
        state = FindingState.PROBLEM if n_free < NO_DISK_BYTES else FindingState.WARNING
        yield Finding("home", state, text, "Free some space on this disk.")
    else:
        yield Finding("home", FindingState.OK, text)
    if open_folder := private_files.find_open(folder):
        yield Finding(
            "home",
            FindingState.WARNING,
            f"Other users of this machine can read {open_folder}, and with it what documents and questions say.",
            f"Run 'chmod -R go-rwx {open_folder}', as the user that Docent runs as.",
        )


def clock(context: CheckContext) -> Iterator[Finding]:
    """Compares this machine's clock with those of Slack and Postgres."""
    if not context.drifts:
        yield Finding("clock", FindingState.SKIPPED, "no other clock answered")
        return
    worst = max(abs(seconds) for seconds in context.drifts.values())
    text = f"this machine's {', '.join(_compare(context.drifts))}"
    if worst <= DRIFT_WARNING_SECONDS:
        yield Finding("clock", FindingState.OK, text)
        return
    advice = "Synchronise the clock (NTP). Requests from Slack are refused when it is off by five minutes."
    state = FindingState.PROBLEM if worst > DRIFT_PROBLEM_SECONDS else FindingState.WARNING
    yield Finding("clock", state, text, advice)


def _compare(drifts: Mapping[str, float]) -> Iterator[str]:
    same = [whose for whose, seconds in drifts.items() if abs(seconds) < DATE_HEADER_SECONDS]
    if same:
        yield f"agrees with that of {' and '.join(same)}"
    for whose in drifts.keys() - same:
        seconds = drifts[whose]
        yield f"is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} that of {whose}"
