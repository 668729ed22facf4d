"""Asks OSV.dev, the open database of advisories, which pinned packages have known vulnerabilities: one request.

Says what it finds. Ends with an error only with ``--strict`` (``make audit``), because an advisory of today must
not stop who changes something else; where the database cannot be reached it says so, and that is all.
"""

import json
import os
import re
import sys
import urllib.request
from pathlib import Path

URL = "https://api.osv.dev/v1/querybatch"
TIMEOUT_SECONDS = 5
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def read_pins(*locks: Path) -> list[tuple[str, str]]:
    """Returns (name, version) of every package in the locks, each once."""
    return sorted({pin for lock in locks for pin in PIN.findall(lock.read_text(encoding="utf-8"))})


def find_advisories(pins: list[tuple[str, str]], url: str) -> dict[str, list[str]]:
    """Returns the advisories by ``name==version``; raises OSError where the database does not answer."""
    queries = [{"package": {"ecosystem": "PyPI", "name": name}, "version": version} for name, version in pins]
    body = json.dumps({"queries": queries}).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        results = json.load(answer)["results"]
    pairs = zip(pins, results, strict=True)
    return {f"{name}=={version}": [v["id"] for v in found["vulns"]] for (name, version), found in pairs if found}


def main(arguments: list[str]) -> None:
    """Prints the advisories for the locks that are named."""
    is_strict = "--strict" in arguments
    pins = read_pins(*(Path(name) for name in arguments if not name.startswith("--")))
    try:
        advisories = find_advisories(pins, os.environ.get("OSV_URL", URL))
    except (OSError, ValueError, KeyError) as error:
        print(f"audit: no database of advisories can be reached ({type(error).__name__}); nothing was looked up.")
        return
    for package, ids in advisories.items():
        print(f"audit: {package} has {', '.join(ids)}; see https://osv.dev/{ids[0]}")
    print(f"audit: {len(advisories)} of {len(pins)} packages have known vulnerabilities.")
    if advisories and is_strict:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
