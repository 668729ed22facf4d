"""The checks of this machine: home folder and clock."""

from pathlib import Path

import pytest

from bot.doctor import machine
from bot.doctor.context import CheckContext


def test_a_home_that_cannot_be_written_to() -> None:
    (finding,) = machine.home(Path("/proc/nowhere"))
    assert finding.state == "problem"
    assert "DOCENT_HOME" in finding.advice


def test_a_home_is_not_made_by_asking(tmp_path: Path) -> None:
    (finding,) = machine.home(tmp_path / "new" / "home")
    assert finding.state in ("ok", "warning")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("home_mode", "index_mode", "named"),
    [
        (0o755, 0o755, "home"),
        (0o740, 0o700, "home"),
        (0o711, 0o755, "index"),  # others may pass through, as PostgreSQL has to where Docent is root
        (0o711, 0o700, None),
        (0o700, 0o755, None),
    ],
)
def test_a_home_that_other_users_can_read(
    tmp_path: Path, home_mode: int, index_mode: int, named: str | None
) -> None:
    folder = tmp_path / "home"
    (folder / "index").mkdir(parents=True)
    (folder / "index").chmod(index_mode)
    folder.chmod(home_mode)
    warnings = [finding for finding in machine.home(folder) if "Other users" in finding.text]
    assert len(warnings) == (named is not None)
    assert all(finding.text.split(",")[0].endswith(f"/{named}") for finding in warnings)


@pytest.mark.parametrize(
    ("drifts", "state", "said"),
    [
        ({"Slack": 0.8, "Postgres": -0.1}, "ok", "agrees with that of Slack and Postgres"),
        ({"Slack": 9.0}, "warning", "is 9 s ahead of that of Slack"),
        ({"Slack": 0.0, "Postgres": -70.0}, "problem", "is 70 s behind that of Postgres"),
        ({}, "skipped", ""),
    ],
)
def test_a_clock_that_is_wrong(context: CheckContext, drifts: dict[str, float], state: str, said: str) -> None:
    context.drifts = drifts
    (finding,) = machine.clock(context)
    assert finding.state == state
    assert said in finding.text
