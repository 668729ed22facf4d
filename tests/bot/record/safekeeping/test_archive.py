"""The file of a backup: private, whole or not there, and told from every other file in a sentence."""

import errno
import random
import resource
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.errors import UserError
from bot.record.safekeeping.backup import archive
from bot.record.safekeeping.backup.manifest import FORMAT, BackedUpIndex, BackupManifest

INDEX = BackedUpIndex(address="index", table="chunks", embedding_model="static")
MANIFEST = BackupManifest(
    format=FORMAT, release="Docent 1.0", revision="0001", taken_at=datetime(2026, 1, 2, tzinfo=UTC), index=INDEX
)


def write(path: Path, manifest: BackupManifest = MANIFEST, *, data: bytes = b"1\tone\n2\ttwo\n" * 5_000) -> None:
    with archive.create(path) as writer:
        with writer.part("tables/turns", columns=("id", "question")) as part:
            part.write(data)
            part.n_rows = data.count(b"\n")
        writer.finish(manifest)


def read(path: Path) -> BackupManifest:
    with archive.open_backup(path) as reader:
        reader.verify()
        return reader.manifest


@contextmanager
def no_file_beyond(n_bytes: int) -> Iterator[None]:
    """A disk that takes no more: the system refuses to let any file of this process grow further."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_backup_is_read_by_its_owner_alone_and_says_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "backup.zip"
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (part,) = read(path).parts
    assert (part.name, part.n_rows, part.columns) == ("tables/turns", 10_000, ("id", "question"))
    assert [file.name for file in tmp_path.iterdir()] == ["backup.zip"]


def test_a_file_that_is_there_is_not_replaced_unless_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "backup.zip"
    path.write_text("precious")
    with pytest.raises(UserError, match=r"There is a file .*--force"):
        write(path)
    assert path.read_text() == "precious"
    with archive.create(path, replaces=True) as writer:
        writer.finish(MANIFEST)
    assert read(path) == MANIFEST


def test_a_disk_that_takes_no_more_leaves_nothing_and_is_told(tmp_path: Path) -> None:
    path, noise = tmp_path / "backup.zip", random.Random(1).randbytes(400_000)
    with no_file_beyond(20_000), pytest.raises(UserError, match="does not fit on the disk") as raised:
        write(path, data=noise)
    assert isinstance(raised.value.__cause__, OSError)
    assert raised.value.__cause__.errno in (errno.EFBIG, errno.ENOSPC)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_no_more_at_the_very_end_leaves_nothing_either(tmp_path: Path) -> None:
    whole = tmp_path / "whole.zip"
    write(whole)
    n_bytes = whole.stat().st_size
    for missing in (1, 30, 200):
        with no_file_beyond(n_bytes - missing), pytest.raises(UserError, match="does not fit"):
            write(tmp_path / "backup.zip")
    assert [file.name for file in tmp_path.iterdir()] == ["whole.zip"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be written to .*No such file"):
        write(tmp_path / "missing" / "backup.zip")


def test_an_error_while_it_is_made_leaves_nothing(tmp_path: Path) -> None:
    def make() -> None:
        with archive.create(tmp_path / "backup.zip") as writer, writer.part("tables/turns") as part:
            part.write(b"half")
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        make()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.95, 0.999])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "backup.zip"
    write(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match=r"no backup of Docent|damaged"):
        read(path)


def test_a_file_with_any_byte_changed_is_refused_or_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "backup.zip"
    write(path)
    content, manifest = path.read_bytes(), read(path)
    n_refused = 0
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            assert read(path) == manifest  # a byte that nothing depends on, such as the time of a member
        except UserError:
            n_refused += 1
    assert n_refused > len(content) / 7 * 0.8


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "backup.zip"
    with pytest.raises(UserError, match="cannot be read"):
        read(path)
    path.write_text("SELECT 1;")
    with pytest.raises(UserError, match="no backup of Docent"):
        read(path)
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("holiday.txt", "sun")
    with pytest.raises(UserError, match="no backup of Docent"):
        read(path)
    with zipfile.ZipFile(path, "w") as other:
        other.writestr(archive.MANIFEST, "{}")
    with pytest.raises(UserError, match="damaged"):
        read(path)
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path)


def test_a_format_of_a_newer_release_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "backup.zip"
    write(path, MANIFEST.model_copy(update={"format": FORMAT + 1, "release": "Docent 9.0"}))
    with pytest.raises(UserError, match=r"made by Docent 9\.0, which is newer"):
        read(path)
