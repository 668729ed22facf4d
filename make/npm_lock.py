"""Compares the packages that npm has installed with ``npm.lock``: name, version and hash of each that may be.

npm's own lock may name the registry that it was made with, so its hashes are kept in a file of ours. Packages are
installed without running their scripts; one whose hash is another is refused before anything of it is run.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

LOCK = Path("npm.lock")
INSTALLED = Path("node_modules/.package-lock.json")
HEADER = "# Written by 'make lock': every package of package.json, for all systems, and the hash of its archive.\n"


def read_packages(lock: Path) -> Iterator[str]:
    """Yields ``name@version sha512-…`` of each package in a lock that npm wrote."""
    for place, package in sorted(json.loads(lock.read_text(encoding="utf-8"))["packages"].items()):
        if place:
            yield f"{place.rpartition('node_modules/')[2]}@{package['version']} {package['integrity']}"


def main(arguments: list[str]) -> None:
    """Checks what is installed; ``--write LOCK`` makes ``npm.lock`` of npm's own."""
    if arguments:
        LOCK.write_text(
            HEADER + "".join(f"{line}\n" for line in read_packages(Path(arguments[1]))), encoding="utf-8"
        )
        return
    known = set(LOCK.read_text(encoding="utf-8").splitlines())
    strange = [line for line in read_packages(INSTALLED) if line not in known]
    if strange:
        sys.exit(
            "npm installed what npm.lock does not have; run 'make lock' if that is meant:\n" + "\n".join(strange)
        )


if __name__ == "__main__":
    main(sys.argv[1:])
