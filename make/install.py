"""Installs the packages of a lock into this Python's environment, and says meanwhile how far it is.

Run by the Makefile before anything is installed, so it needs nothing but Python. pip by itself is either silent for
minutes or prints hundreds of lines, and a terminal's progress bar is no help in a log.
"""

import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

EVERY_SECONDS = 2.0
NEEDED_BYTES = 1_200_000_000  # of requirements-demo.lock, and room for what is unpacked meanwhile
SHOWN_LINES = 12  # of pip's errors
PIP = ("-m", "pip", "--disable-pip-version-check", "install", "--no-input", "--progress-bar", "off")
OPTIONS = ("--no-compile", "--require-hashes")  # Python compiles what it imports; all of it would be 160 MB more
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

    def read(self, line: str) -> None:
        """Takes a line of pip's output."""
        if found := _PACKAGE.match(line) or _FILE.match(line):
            self._seen.add(found[1].lower())
            self._what = found[1]
        elif found := _DOWNLOAD.match(line):
            self._what = f"{found[1]}, {found[2]}"
        elif line.startswith("Installing collected"):
            self._is_installing = True

    def __str__(self) -> str:
        if self._is_installing:
            n_installed = self._count_installed() - self._n_before
            return f"installing: {n_installed} of {len(self._seen) or self.n_packages} packages"
        what = f" ({self._what})" if self._what else ""
        return f"downloading: {len(self._seen)} of {self.n_packages} packages{what}"

    def _count_installed(self) -> int:
        return sum(1 for _ in self._site.glob("*.dist-info"))


def main(lock: Path) -> int:
    """Installs the packages of ``lock``; returns pip's exit code."""
    site = Path(next(path for path in sys.path if path.endswith("site-packages")))
    n_packages = len(re.findall(r"^[\w.-]+==", lock.read_text(encoding="utf-8"), re.MULTILINE))
    n_free = shutil.disk_usage(site).free
    if n_free < NEEDED_BYTES and not any(site.glob("lancedb-*")):
        print(f"The packages need about {NEEDED_BYTES / 1e9:.1f} GB, and {site} has {n_free / 1e9:.1f} GB free.")
        return 1
    progress = Progress(n_packages, site)
    command = [sys.executable, *PIP, *OPTIONS, "-r", str(lock)]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        _watch(process, progress)
        code = process.wait()
        if code:
            errors.seek(0)
            _explain(errors.read(), lock)
    return code


def _watch(process: "subprocess.Popen[str]", progress: Progress) -> None:
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    shown_at = 0.0
    while True:
        try:
            line = lines.get(timeout=EVERY_SECONDS)
        except queue.Empty:
            line = ""
        if line is None:
            break
        progress.read(line)
        if time.monotonic() - shown_at >= EVERY_SECONDS:
            shown_at = time.monotonic()
            _show(f"  … {progress}")
    _show("  ✓ packages installed\n" if process.wait() == 0 else "\n")


def _show(line: str) -> None:
    """Prints a line that the next one replaces, in a terminal; one below the other elsewhere."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{line.rstrip()[:width]}", end="\n" if line.endswith("\n") else "", flush=True)
    elif line.strip():
        print(line.rstrip(), flush=True)


def _explain(errors: str, lock: Path) -> None:
    lines = [line for line in errors.splitlines() if line.startswith("ERROR")] or errors.splitlines()
    print(f"pip could not install the packages of {lock}:", file=sys.stderr)
    for line in lines[-SHOWN_LINES:]:
        print(f"  {line}", file=sys.stderr)
    print(
        "Check the network (HTTPS_PROXY, PIP_INDEX_URL) and the free disk space, then run make again.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    os.environ.setdefault("PIP_ROOT_USER_ACTION", "ignore")  # a virtual environment is not the system's Python
    sys.exit(main(Path(sys.argv[1])))
