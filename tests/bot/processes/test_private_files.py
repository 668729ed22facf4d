"""What Docent writes is its user's alone, also in a home that an earlier release made."""

import subprocess
import sys
from pathlib import Path

import pytest

from bot.processes import private_files
from tests.system import ROOT

PROGRAM = """
import os, sys
from pathlib import Path
os.umask(0o022)
folder, sys.argv = Path(sys.argv[1]), ["docent", "--version"]
from bot.cli.main import main
try:
    main()
except SystemExit:
    (folder / "made").mkdir()
    (folder / "made" / "file").touch()
"""


def test_a_command_creates_files_that_nobody_else_can_read(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "made" / "file").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("before", "after"), [(0o755, 0o711), (0o750, 0o710), (0o700, 0o700), (0o711, 0o711)])
def test_a_home_of_an_earlier_release_is_closed(tmp_path: Path, before: int, after: int) -> None:
    tmp_path.chmod(before)
    private_files.close_to_others(tmp_path)
    private_files.close_to_others(tmp_path / "nowhere")
    assert tmp_path.stat().st_mode & 0o777 == after
