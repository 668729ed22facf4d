"""The licences of the packages of ``requirements-demo.lock``, from the metadata of what is installed."""

import re
from importlib.metadata import PackageNotFoundError, distribution

from docs.generate.imports import ROOT

ELSEWHERE = "not for this platform"
# Metadata says it in many ways; these are the same.
SAME = {
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The BSD 2-Clause License": "BSD-2-Clause",
    "Zope Public License": "ZPL-2.1",
}


def table() -> str:
    """Returns a table: each licence, and the packages that name it."""
    by_licence: dict[str, list[str]] = {}
    for name in locked("requirements-demo.lock"):
        extra = "" if name in locked("requirements.lock") else "\\*"
        by_licence.setdefault(_licence(name), []).append(f"{name}{extra}")
    rows = ["| licence | packages |", "|---|---|"]
    rows += [f"| {licence} | {', '.join(sorted(names))} |" for licence, names in sorted(by_licence.items())]
    return "\n".join(rows)


def locked(lock: str) -> list[str]:
    """Returns the names of the packages that a lock pins."""
    return sorted(set(re.findall(r"^([\w.-]+?)(?:\[.*?\])?==", (ROOT / lock).read_text(), re.MULTILINE)))


def _licence(name: str) -> str:
    try:
        metadata = distribution(name).metadata
    except PackageNotFoundError:
        return ELSEWHERE
    if expression := (metadata.get_all("License-Expression") or [""])[0]:
        return str(expression)
    classifiers = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    names = [line.rpartition(" :: ")[2] for line in classifiers] or metadata.get_all("License") or []
    return " or ".join(SAME.get(name, name) for name in map(_first_line, names)) or "see the package"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].strip() if text.strip() else ""
