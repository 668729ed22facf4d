"""Prints a table: what an answer costs beside the model, and what crashes and a failing Slack do to answers.

Everything runs on this machine at once (Docent, its servers, the stand-in workspace, the scripted model, this
driver), so figures are pessimistic on few cores. Run one part with ``python -m tests.bench latency burst …``.
"""

import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the commands do, before numpy is imported
os.environ.setdefault("LANCEDB_LOG", "error")

from tests.bench import documents, parts
from tests.bench.audiences import audiences
from tests.bench.bucket import bucket
from tests.bench.comparison import comparison, comparison_slow
from tests.bench.figures import N_ADDITIONS, measure_unit
from tests.bench.machines import machines
from tests.bench.memory import memory, memory_small
from tests.bench.million import million
from tests.bench.office import Office
from tests.bench.retrieval import retrieval
from tests.bench.stopping import stopping

PARTS = {
    "loop": parts.loop,
    "latency": parts.latency,
    "socket_mode": parts.socket_mode,
    "metrics": parts.metrics,
    "comparison": comparison,
    "comparison_slow": comparison_slow,
    "burst": parts.burst,
    "slow_model": parts.slow_model,
    "memory": memory,
    "memory_small": memory_small,
    "crash": parts.crash,
    "stopping": stopping,
    "faults": parts.faults,
    "reading": documents.reading,
    "searching": documents.searching,
    "scale": documents.scale,
    "million": million,
    "retrieval": retrieval,
    "bucket": bucket,
    "audiences": audiences,
    "machines": machines,
}


def main() -> None:
    """Runs the parts named on the command line, or all."""
    chosen = sys.argv[1:] or list(PARTS)
    unit = measure_unit()
    title = f"Docent beside the model; 1 u = {unit:.2f} s, what {N_ADDITIONS:,} additions of squares take"
    table = Table("figure", "value", "in u", "aim", title=title)
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix="docent-bench-") as folder, Office(Path(folder)) as office:
            for row in PARTS[name](office):
                in_units = "" if row.seconds is None else f"{row.seconds / unit:.3g}"
                table.add_row(row.name, row.value, in_units, row.aim)
    Console().print(table)


if __name__ == "__main__":
    main()
