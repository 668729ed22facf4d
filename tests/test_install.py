"""What `make setup` says while pip works, and of what fails."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.system import ROOT


@pytest.fixture(scope="module")
def install() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("make_install", ROOT / "make" / "install.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_pips_lines_become_how_far_it_is(install: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "pip-23.dist-info").mkdir()
    progress = install.Progress(130, tmp_path)
    for line, said in (
        ("", "downloading: 0 of 130 packages"),
        ("Collecting aiohttp==3.14.5 (from -r x.lock (line 6))", "downloading: 1 of 130 packages (aiohttp)"),
        (
            "  Downloading pyarrow-26.0.0-cp311-cp311-manylinux_2_28_x86_64.whl (55.0 MB)",
            "downloading: 1 of 130 packages (pyarrow, 55.0 MB)",
        ),
        ("Processing /srv/wheels/numpy-2.4.1-cp311-any.whl", "downloading: 2 of 130 packages (numpy)"),
        ("Installing collected packages: numpy, aiohttp", "installing: 0 of 2 packages"),
    ):
        assert progress.read(line) == said
    (tmp_path / "numpy-2.4.1.dist-info").mkdir()
    assert progress.read("") == "installing: 1 of 2 packages"


def test_warnings_are_kept_back_and_errors_are_shown(
    install: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    program = (
        "import sys; print('WARNING: old', file=sys.stderr); print('ERROR: no such package', file=sys.stderr)"
    )
    command = [sys.executable, "-c", program]
    assert install._run(command, str) == 0
    assert "old" not in capfd.readouterr().err
    assert install._run([*command[:2], f"{program}; sys.exit(3)"], str) == 3
    said = capfd.readouterr().err
    assert ("no such package" in said, "old" in said) == (True, False)
    assert "free space, then run make again" in said
