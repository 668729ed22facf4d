"""Docent beside a plain bot (:mod:`.plain_bot`): the same stand-in for Slack, over Socket Mode, the same scripted
model, questions and driver, by turns in one run.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bot.simulator import SlackMessage
from bot.simulator.stores.installed_app import SUBSCRIPTIONS
from tests.bench.figures import Row
from tests.bench.memory import PAUSE_SECONDS
from tests.bench.office import ANSWER, PLAIN_BOT, Office, ends_with_feedback
from tests.bench.parts import N_BURST, N_SLOW, ROLES, SLOW_ANSWER, ask_slow_model
from tests.scripted_model import Say

N_TURNS = 3
N_WARM = 10
N_ASKED = 100
BURST_SECONDS = 90
BOTH = "Docent / a plain bot"


class Measured(NamedTuple):
    """What one turn of one of the two gave."""

    p50_seconds: float
    p95_seconds: float
    cpu_seconds: float
    burst_seconds: float
    n_answered: float


@dataclass(frozen=True)
class Contender:
    """Its processes, what it is told of, and how its whole answers are known."""

    roles: tuple[str, ...]
    subscriptions: frozenset[str]
    is_whole: Callable[[SlackMessage], bool]


def _is_whole(message: SlackMessage) -> bool:
    return message.plain in (ANSWER, SLOW_ANSWER)


MESSAGES = frozenset({"message.channels", "message.groups", "message.im", "message.mpim"})
DOCENT = Contender(ROLES, SUBSCRIPTIONS, ends_with_feedback)
PLAIN = Contender((PLAIN_BOT,), MESSAGES, _is_whole)


def comparison(office: Office) -> Iterator[Row]:
    """One question after the other, and everybody at once; a model that answers at once; medians of the turns."""
    office.use_socket_mode()
    docent, plain = _take_turns(office)
    yield _compare("event to whole answer, p50", docent.p50_seconds, plain.p50_seconds, "≤ 1")
    yield _compare("event to whole answer, p95", docent.p95_seconds, plain.p95_seconds)
    yield _compare("CPU per answer, all processes", docent.cpu_seconds, plain.cpu_seconds, "≤ 1.1")
    yield _compare(f"{N_BURST} at once: all answered after", docent.burst_seconds, plain.burst_seconds, "≤ 1")
    answered = f"{docent.n_answered:.0f} / {plain.n_answered:.0f}"
    yield Row(f"{BOTH}: {N_BURST} at once: answered once", answered, f"{N_BURST}")


def comparison_slow(office: Office) -> Iterator[Row]:
    """The memory after a hundred answers, and a model that takes 5 s and streams 40 tokens, sixty questions at
    once.
    """
    office.use_socket_mode()
    idle_mb, runs = [], []
    for contender in (DOCENT, PLAIN):
        _start(office, contender)
        for n in range(N_ASKED):
            office.time_answer(n)
        time.sleep(PAUSE_SECONDS)
        idle_mb.append(office.total_mb())
        runs.append(ask_slow_model(office))
        office.stop()
        office.model.script = lambda request: Say(ANSWER)
    docent, plain = runs
    name = f"{N_SLOW} questions × 5 s model"
    yield _compare(f"{name}: wall time", docent.seconds, plain.seconds, "≤ 1")
    yield Row(f"{BOTH}: {name}: answered once", f"{docent.n_once} / {plain.n_once}", f"{N_SLOW}")
    yield Row(f"{BOTH}: PSS of all processes, after {N_ASKED} answers", _beside(*idle_mb))
    yield Row(f"{BOTH}: {name}: peak PSS of all processes", _beside(docent.peak_mb, plain.peak_mb))


def _compare(name: str, docent: float, plain: float, aim: str = "") -> Row:
    """Gives both times, and how many times the plain bot's Docent's is."""
    value = f"{docent:.3g} / {plain:.3g} s, {docent / plain:.2f} times"
    return Row(f"{BOTH}: {name}", value, f"{aim} times" if aim else "", docent)


def _beside(docent_mb: float, plain_mb: float) -> str:
    return f"{docent_mb:.0f} / {plain_mb:.0f} MB, {docent_mb / plain_mb:.2f} times"


def _take_turns(office: Office) -> tuple[Measured, Measured]:
    turns = [[_measure(office, contender) for contender in (DOCENT, PLAIN)] for _ in range(N_TURNS)]
    docent, plain = (
        Measured(*map(statistics.median, zip(*each, strict=True))) for each in zip(*turns, strict=True)
    )
    return docent, plain


def _start(office: Office, contender: Contender) -> None:
    office.workspace.app.subscriptions = contender.subscriptions
    office.is_whole = contender.is_whole
    office.start(*contender.roles)


def _measure(office: Office, contender: Contender) -> Measured:
    _start(office, contender)
    for n in range(N_WARM):
        office.time_answer(n)
    before = sum(office.cpu_seconds().values())
    seconds = sorted(office.time_answer(n) for n in range(N_ASKED))
    cpu = (sum(office.cpu_seconds().values()) - before) / N_ASKED
    started = time.monotonic()
    threads = [office.ask(n) for n in range(N_BURST)]
    office.wait_for_answers(threads, BURST_SECONDS)
    burst = time.monotonic() - started
    n_answered = sum(len(office.answers(ts)) == 1 for ts in threads)
    office.stop()
    return Measured(statistics.median(seconds), seconds[int(N_ASKED * 0.95)], cpu, burst, n_answered)
