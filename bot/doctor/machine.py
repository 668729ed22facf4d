"""This machine: its settings, its Python, its folder, its clock."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding
from bot.processes import startup_checks

OLDEST_PYTHON = (3, 11)
LOW_DISK_BYTES = 1_000_000_000
NO_DISK_BYTES = 100_000_000
DRIFT_WARNING_SECONDS = 5
DRIFT_PROBLEM_SECONDS = 60  # Slack's signatures are refused beyond 300
DATE_HEADER_SECONDS = 2  # what a header in whole seconds and the way to Slack leave uncertain


def settings() -> Iterator[Finding]:
    """Every wrong setting, every variable that looks like one and is none."""
    problems = startup_checks.problems()
    for line in problems:
        yield Finding("settings", "problem", line)
    for name, meant in startup_checks.unknown():
        advice = f"Did you mean {meant}?" if meant else "Take it away; .env.example names what there is."
        yield Finding("settings", "warning", f"{name} is not a setting of Docent, so it has no effect.", advice)
    if not problems:
        n_set = sum(1 for name in startup_checks.known() if os.environ.get(name))
        source = Path.cwd() / ".env"
        yield Finding(
            "settings", "ok", f"{n_set} set; {'.env is read' if source.exists() else f'no file {source}'}"
        )


def python() -> Iterator[Finding]:
    """The version."""
    version = platform.python_version()
    if sys.version_info >= OLDEST_PYTHON:
        yield Finding("python", "ok", f"{version} on {platform.system()} {platform.machine()}")
    else:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        yield Finding("python", "problem", f"{version} is too old.", f"Docent needs Python {wanted} or newer.")


def home(folder: Path) -> Iterator[Finding]:
    """Whether DOCENT_HOME can be written to, and has room."""
    folder = folder.expanduser().absolute()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        why = f"Cannot write to {existing} ({error.strerror})."
        yield Finding("home", "problem", why, "Set DOCENT_HOME to a folder you can write to.")
        return
    n_free = shutil.disk_usage(existing).free
    text = f"{folder} can be written to; {n_free / 1e9:.1f} GB free"
    if n_free < LOW_DISK_BYTES:
        state = "problem" if n_free < NO_DISK_BYTES else "warning"
        yield Finding("home", "problem" if state == "problem" else "warning", text, "Make room on this disk.")
    else:
        yield Finding("home", "ok", text)


def clock(who: CheckContext) -> Iterator[Finding]:
    """This machine's clock beside those of Slack and Postgres."""
    if not who.drifts:
        yield Finding("clock", "skipped", "nothing answered that has another clock")
        return
    worst = max(abs(seconds) for seconds in who.drifts.values())
    text = f"this machine's {', '.join(_compared(who.drifts))}"
    if worst <= DRIFT_WARNING_SECONDS:
        yield Finding("clock", "ok", text)
        return
    advice = "Synchronise the clock (NTP). Slack's requests are refused when it is wrong by five minutes."
    yield Finding("clock", "problem" if worst > DRIFT_PROBLEM_SECONDS else "warning", text, advice)


def _compared(drifts: Mapping[str, float]) -> Iterator[str]:
    same = [whose for whose, seconds in drifts.items() if abs(seconds) < DATE_HEADER_SECONDS]
    if same:
        yield f"agrees with that of {' and '.join(same)}"
    for whose in drifts.keys() - same:
        seconds = drifts[whose]
        yield f"is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} that of {whose}"
