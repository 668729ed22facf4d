"""One demo per folder: a second one is told where the first one runs."""

from pathlib import Path

import pytest

from agent.errors import UserError
from bot.demo.claim import claim


def test_a_second_demo_of_a_folder_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    with claim(tmp_path / "home") as first:
        with pytest.raises(UserError, match="already running here: it is just starting"), claim(tmp_path / "home"):
            pass
        first.publish("http://127.0.0.1:3100")
        where = r"already running here: http://127\.0\.0\.1:3100"
        with pytest.raises(UserError, match=where), claim(tmp_path / "home"):
            pass


def test_a_folder_is_free_again_once_its_demo_has_ended(tmp_path: Path) -> None:
    with claim(tmp_path) as first:
        first.publish("http://127.0.0.1:3100")
    with claim(tmp_path) as second:
        second.publish("http://127.0.0.1:3200")
    assert (tmp_path / "demo.lock").read_text() == "http://127.0.0.1:3200"


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="Set DOCENT_HOME to a folder you can write to"), claim(tmp_path / "file"):
        pass
