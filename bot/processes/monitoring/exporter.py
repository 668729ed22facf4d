"""Shows what all processes of ``docent worker`` count, from a process of its own.

A worker counts in files of a folder that only it writes to; the exporter, which is forked before anything heavy is
loaded, adds them up when Prometheus asks. So there is one address for a machine's workers, what a killed worker
has counted still counts, and no worker has a thread or a lock for it. The exporter ends with the last process that
was forked from its parent, and deletes the folder then.
"""

import os
import select
import shutil
import signal
import tempfile
import threading
from functools import partial
from pathlib import Path

import agent.settings
from agent import observability
from agent.observability import metrics
from bot.processes import supervisor
from bot.processes.monitoring import metrics_page
from bot.settings import BotSettings

PREFIX = "docent-metrics-"
FOLD_SECONDS = 30.0
_lives: list[int] = []  # the writing end of a pipe that ends with this process and its children


def fork(settings: BotSettings) -> Path | None:
    """Starts the exporter; returns the folder to count in, None where no metrics are wanted or possible.

    Call it before the process has threads and open connections.
    """
    if settings.metrics_port is None:
        return None
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        ends, life = os.pipe()
        supervisor.settle_memory()
        pid = os.fork()
    except OSError as error:
        observability.log.warning("metrics_impossible", error_type=type(error).__name__, note=metrics_page.NOTE)
        return None
    if pid:
        os.close(ends)
        _lives.append(life)
        return folder
    try:
        os.close(life)
        _run(settings, folder, ends)
    except BaseException as error:  # noqa: BLE001  a forked process must never return into its parent's code
        observability.report(error, event="exporter_failed")
        os._exit(1)
    os._exit(0)


def start_counting(folder: Path | None) -> None:
    """Begins to count in a worker process, for the exporter; without a folder it counts nothing."""
    if folder is None:
        return
    try:
        metrics.start(folder)
    except OSError as error:
        observability.log.warning("metrics_impossible", error_type=type(error).__name__, note=metrics_page.NOTE)


def _run(settings: BotSettings, folder: Path, ends: int) -> None:
    """Serves until nobody holds the other end of the pipe any more, to which nothing is ever written.

    Signals do not end it: the workers may still be at work.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    observability.set_up(agent.settings.load(), process="worker")
    page = metrics_page.make(settings, partial(metrics.read_folder, folder))
    if server := metrics_page.listen(settings, page, process="worker"):
        threading.Thread(target=server.run, name="metrics", daemon=True).start()
    while not select.select([ends], [], [], FOLD_SECONDS)[0]:
        with page.making:
            metrics.fold_dead(folder)
    shutil.rmtree(folder, ignore_errors=True)
