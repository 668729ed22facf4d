"""Makes the virtual environment, and installs Docent with the packages of a lock; says meanwhile how far it is.

Run by the Makefile before anything is installed, so it needs nothing but Python. pip by itself is either silent
for minutes or prints hundreds of lines, and a terminal's progress bar is no help in a log.
"""

import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

EVERY_SECONDS = 2.0
NEEDED_BYTES = 1_400_000_000  # of requirements-demo.lock, and room for what is unpacked meanwhile
SHOWN_LINES = 12  # of pip's errors
# Python compiles what it imports; all of it would be 160 MB more.
PIP = (
    "-m",
    "pip",
    "--disable-pip-version-check",
    "install",
    "--no-input",
    "--progress-bar",
    "off",
    "--no-compile",
)
_PACKAGE = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([\w.-]+)")
_FILE = re.compile(r"^Processing \S*/([\w.]+)-\d")
_DOWNLOAD = re.compile(r"^ *Downloading .*?([\w.]+)-\d\S* \(([\d.]+ [kMG]?B)\)")


class Progress:
    """How far pip is, from what it prints; while it installs, from the packages that are there."""

    def __init__(self, n_packages: int, site: Path) -> None:
        self.n_packages, self._site = n_packages, site
        self._seen: set[str] = set()
        self._n_before = self._count_installed()
        self._what = ""
        self._is_installing = False

    def read(self, line: str) -> str:
        """Takes a line of pip's output; returns how far it is."""
        if found := _PACKAGE.match(line) or _FILE.match(line):
            self._seen.add(found[1].lower())
            self._what = found[1]
        elif found := _DOWNLOAD.match(line):
            self._what = f"{found[1]}, {found[2]}"
        elif line.startswith("Installing collected"):
            self._is_installing = True
        return self._describe()

    def _describe(self) -> str:
        if self._is_installing:
            n_installed = self._count_installed() - self._n_before
            return f"installing: {n_installed} of {len(self._seen) or self.n_packages} packages"
        what = f" ({self._what})" if self._what else ""
        return f"downloading: {len(self._seen)} of {self.n_packages} packages{what}"

    def _count_installed(self) -> int:
        return sum(1 for _ in self._site.glob("*.dist-info"))


def main(venv: Path, lock: Path) -> int:
    """Installs the packages of ``lock`` into ``venv``, and Docent itself; returns an exit code."""
    python = venv / "bin" / "python"
    if not _runs(python):
        code = _run([sys.executable, "-m", "venv", "--clear", str(venv)], lambda line: f"making {venv}")
        if code:
            return code
    site = next(venv.glob("lib/python*/site-packages"))
    n_free = shutil.disk_usage(site).free
    if n_free < NEEDED_BYTES and not any(site.glob("lancedb-*")):
        print(f"The packages need about {NEEDED_BYTES / 1e9:.1f} GB, and {site} has {n_free / 1e9:.1f} GB free.")
        return 1
    n_packages = len(re.findall(r"^[\w.-]+==", lock.read_text(encoding="utf-8"), re.MULTILINE))
    progress = Progress(n_packages, site)
    code = _run([str(python), *PIP, "--require-hashes", "--no-deps", "-r", str(lock)], progress.read)
    if code:
        return code
    docent = [str(python), *PIP, "--no-deps", "--no-build-isolation", "-e", "."]
    if code := _run(docent, lambda line: "installing Docent itself"):
        return code
    _show("  ✓ packages installed\n")
    return 0


def _runs(python: Path) -> bool:
    """Returns whether an environment works: not one that was moved, or whose Python is gone."""
    stamp = python.parent.parent / ".stamp"
    if not python.exists() or not stamp.exists() or stamp.read_text() != str(Path.cwd()):
        return False
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def _run(command: Sequence[str], describe: Callable[[str], str]) -> int:
    """Runs a command and shows every few seconds what ``describe`` makes of its latest line; returns its code."""
    with tempfile.TemporaryFile("w+") as errors:
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        shown_at = 0.0
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            threading.Thread(target=_read, args=(process, lines), daemon=True).start()
            while (line := _next(lines)) is not None:
                what = describe(line)
                if time.monotonic() - shown_at >= EVERY_SECONDS:
                    shown_at = time.monotonic()
                    _show(f"  … {what}")
        if process.returncode:
            errors.seek(0)
            _explain(command, errors.read())
    return process.returncode


def _read(process: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str | None]") -> None:
    assert process.stdout
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _next(lines: "queue.SimpleQueue[str | None]") -> str | None:
    """Returns the next line, an empty one when none comes for a while, and None after the last."""
    try:
        return lines.get(timeout=EVERY_SECONDS)
    except queue.Empty:
        return ""


def _show(line: str) -> None:
    """Prints a line that the next one replaces, in a terminal; one below the other elsewhere."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{line.rstrip()[:width]}", end="\n" if line.endswith("\n") else "", flush=True)
    elif line.strip():
        print(line.rstrip(), flush=True)


def _explain(command: Sequence[str], errors: str) -> None:
    _show("\n")
    lines = [line for line in errors.splitlines() if line.startswith("ERROR")] or errors.splitlines()
    print(f"This failed: {' '.join(command)}", file=sys.stderr)
    for line in lines[-SHOWN_LINES:]:
        print(f"  {line}", file=sys.stderr)
    print(
        "Check the network (HTTPS_PROXY, PIP_INDEX_URL) and the free space, then run make again.", file=sys.stderr
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
