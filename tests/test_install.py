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
    install: ModuleType, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pip = tmp_path / "pip.py"
    pip.write_text(
        "import sys\n"
        "sys.stderr.write('WARNING: outdated\\nERROR: no such package\\n')\n"
        "sys.exit(int(sys.argv[1]))\n"
    )
    assert install._run([sys.executable, str(pip), "0"], str) == 0
    assert capfd.readouterr().err == ""
    assert install._run([sys.executable, str(pip), "3"], str) == 3
    said = capfd.readouterr().err
    assert ("no such package" in said, "outdated" in said) == (True, False)
    assert "free space, then run make again" in said
