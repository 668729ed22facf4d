"""The image's recipe, as far as it can be tried without building one."""

import fnmatch
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tests.system import ROOT, System, free_port

RECIPE = (ROOT / "Containerfile").read_text().replace("\\\n", " ")
LINES = [line.split(maxsplit=1) for line in RECIPE.splitlines() if line.strip() and not line.startswith("#")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def _all(instruction: str) -> list[str]:
    return [rest.strip() for name, rest in LINES if name == instruction]


def test_its_python_is_one_that_docent_runs_on() -> None:
    build, final = _all("FROM")
    assert build == f"{final} AS build"
    found = re.fullmatch(r"docker\.io/library/python:(\d+\.\d+)-slim", final)
    assert found
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(f"{found[1]}.0")
    assert found[1] == f"{sys.version_info.major}.{sys.version_info.minor}", "another Python than the tests run on"


def test_what_it_copies_is_there_and_not_ignored() -> None:
    copies = [copied for copied in _all("COPY") if not copied.startswith("--from=build ")]
    sources = [source for copied in copies for source in copied.split()[:-1]]
    assert set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= set(sources)
    assert {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert not _is_ignored(source), source


@pytest.mark.parametrize("private", [".env", ".git", ".docent", "tests", "bot/.env", "agent/__pycache__", ".venv"])
def test_what_is_private_or_heavy_stays_out(private: str) -> None:
    assert _is_ignored(private)


def test_it_runs_docent_with_hashed_packages_and_without_root() -> None:
    assert json.loads(_all("ENTRYPOINT")[0]) == ["docent"]
    assert "docent" in PROJECT["project"]["scripts"]
    assert json.loads(_all("CMD")[0]) == ["web"]
    installs = [step for step in _all("RUN") if "pip install" in step]
    assert all("--require-hashes" in step or "--no-deps --no-index" in step for step in installs), installs
    names = [name for name, _ in LINES]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name in ("RUN", "COPY"))
    assert _all("USER") == ["docent"]


def test_the_image_has_what_production_needs_and_neither_build_tools_nor_the_demo() -> None:
    names = [name for name, _ in LINES]
    last_stage = LINES[len(names) - names[::-1].index("FROM") :]
    locks = re.findall(r"-r (\S+\.lock)", " ".join(rest for name, rest in last_stage if name == "RUN"))
    assert locks == ["requirements.lock"]


def test_it_holds_no_secret() -> None:
    for name in ("TOKEN", "SECRET", "API_KEY", "DATABASE_URL", "REDIS_URL"):
        assert not any(name in given for given in [*_all("ENV"), *_all("ARG")])


def test_its_health_check_asks_the_web_process_and_nobody_else(world: System, tmp_path: Path) -> None:
    (check,) = _all("HEALTHCHECK")
    interpreter, option, program = json.loads(check.partition("CMD ")[2])
    assert (interpreter, option) == ("python", "-c")
    cmdline = tmp_path / "cmdline"
    program = program.replace("/proc/1/cmdline", str(cmdline))

    def is_healthy(role: str, port: int | str) -> bool:
        cmdline.write_bytes(b"\0".join([b"/usr/local/bin/python", b"/usr/local/bin/docent", role.encode(), b""]))
        done = subprocess.run(
            [sys.executable, "-c", program], env={"PORT": str(port)}, capture_output=True, check=False
        )
        return done.returncode == 0

    world.start("web")
    assert is_healthy("web", world.env["PORT"])
    assert not is_healthy("web", free_port())
    assert is_healthy("worker", free_port())


def _is_ignored(path: str) -> bool:
    """As .dockerignore is read: the last pattern that fits decides."""
    ignored = False
    parts = path.split("/")
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern, is_kept = line.lstrip("!"), line.startswith("!")
        fits = any(
            fnmatch.fnmatch(a, pattern) or fnmatch.fnmatch(f"/{a}", pattern.replace("**", "*")) for a in above
        )
        ignored = not is_kept if fits else ignored
    return ignored
