"""A machine searches its copy of an index in a bucket: always the newest version, with at most one request."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from agent.errors import UserError
from ingest.index import lancedb_runtime
from ingest.index.mirror import index_mirror, manifest, mirror_folder, version_copy
from ingest.index.mirror.index_mirror import IndexMirror, IndexOlder
from ingest.index.mirror.written_version import WrittenVersion
from ingest.index.storage.object_store import BucketProblem, ObjectStore
from ingest.index.table import TABLE, Index
from tests.bucket import S3Bucket
from tests.ingest.index.conftest import ADDRESS
from tests.ingest.index.test_table import EVERYONE, found, put

UNKNOWN = WrittenVersion()
OpenMirror = Callable[..., IndexMirror]


@pytest.fixture
def open_mirror(tmp_path: Path) -> OpenMirror:
    """Opens the mirror of this machine, as each of its processes does, or of another."""

    def open_(machine: str = "a", max_bytes: int = 10**9) -> IndexMirror:
        return IndexMirror(ADDRESS, tmp_path / machine, max_bytes=max_bytes)

    return open_


@pytest.fixture
def fruit(index: Index) -> Index:
    for n in range(5):
        put(index, f"d{n}", f"fruit number {n}", f"vegetable number {n}")
    return index


def written(index: Index, name: str = "") -> WrittenVersion:
    """What Postgres says after a write."""
    return WrittenVersion(int(index.version()), name or f"write {index.version()}")


def look(bucket: S3Bucket, index: Index, mirror: IndexMirror, known: WrittenVersion) -> tuple[list[str], int]:
    """Searches once; returns what was found, and how many requests that took."""
    reader = index.from_mirror(mirror, known)
    bucket.requests.clear()
    return found(reader, "fruit"), bucket.n_requests


def test_a_search_asks_the_bucket_nothing_when_postgres_names_the_version(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror
) -> None:
    mirror, known = open_mirror(), written(fruit)
    first, _ = look(bucket, fruit, mirror, known)
    assert len(first) == 10
    assert look(bucket, fruit, mirror, known) == (first, 0)
    reader = fruit.from_mirror(mirror, known)
    assert (reader.n_chunks(), reader.version()) == (10, str(known.version))
    assert bucket.n_requests == 0


@pytest.mark.parametrize("is_recorded", [False, True])
def test_a_search_asks_the_bucket_once_while_somebody_writes(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror, is_recorded: bool
) -> None:
    mirror = open_mirror()
    known = WrittenVersion(int(fruit.version()), "w", is_writing=True) if is_recorded else UNKNOWN
    before, _ = look(bucket, fruit, mirror, known)
    assert look(bucket, fruit, mirror, known) == (before, 1)
    assert bucket.requests["LIST"] == 1
    fruit.remove(["d3"])  # not recorded yet, or never: the writer was killed
    after, _ = look(bucket, fruit, mirror, known)
    assert sorted({*before} - {*after}) == ["fruit number 3", "vegetable number 3"]


def test_of_the_next_version_only_what_is_new_is_copied(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror
) -> None:
    mirror = open_mirror()
    look(bucket, fruit, mirror, written(fruit))
    put(fruit, "d9", "fruit number 9")
    texts, n_requests = look(bucket, fruit, mirror, written(fruit))
    assert "fruit number 9" in texts
    assert n_requests == 2  # the manifest, and one file of data
    fruit.remove(["d9"])
    texts, n_requests = look(bucket, fruit, mirror, written(fruit))
    assert "fruit number 9" not in texts
    assert n_requests <= 2  # the manifest, and what it says is deleted if the file has other rows


def test_optimizing_makes_no_search_wait_and_is_followed_beside_them(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror
) -> None:
    mirror, known = open_mirror(), written(fruit)
    look(bucket, fruit, mirror, known)
    fruit.optimize()
    optimized = WrittenVersion(known.version, known.write_id, optimized_version=int(fruit.version()))
    assert look(bucket, fruit, mirror, optimized)[0]
    assert mirror._background is not None
    mirror._background.join()
    copied = mirror.folder.load(TABLE)
    assert copied is not None
    assert copied.version == optimized.optimized_version
    assert look(bucket, fruit, mirror, optimized)[1] == 0
    put(fruit, "d9", "fruit number 9")
    texts, n_requests = look(bucket, fruit, mirror, written(fruit))
    assert "fruit number 9" in texts
    assert n_requests == 2


def test_a_first_copy_is_of_the_version_that_is_quicker_to_search(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror
) -> None:
    known = written(fruit)
    fruit.optimize()
    optimized = WrittenVersion(known.version, known.write_id, optimized_version=int(fruit.version()))
    mirror = open_mirror()
    assert len(look(bucket, fruit, mirror, optimized)[0]) == 10
    copied = mirror.folder.load(TABLE)
    assert copied is not None
    assert copied.version == optimized.optimized_version
    assert look(bucket, fruit, mirror, optimized)[1] == 0


def test_a_process_goes_on_to_what_another_has_copied(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror
) -> None:
    """Also to a version that a process of an earlier release wrote, which records none."""
    mirror, known = open_mirror(), written(fruit)
    assert "fruit number 3" in look(bucket, fruit, mirror, known)[0]
    fruit.remove(["d3"])
    open_mirror().follow(TABLE, known)
    texts, n_requests = look(bucket, fruit, mirror, known)
    assert "fruit number 3" not in texts
    assert n_requests == 0


def test_processes_of_a_machine_share_one_copy(bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror) -> None:
    known = written(fruit)
    look(bucket, fruit, open_mirror(), known)
    assert look(bucket, fruit, open_mirror(), known)[1] == 0
    assert look(bucket, fruit, open_mirror("b"), known)[1] > 1


def test_a_large_copy_is_made_beside_searches_which_read_the_bucket(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_mirror, "SMALL_BYTES", 1_000)
    mirror, known = open_mirror(), written(fruit)
    with mirror.folder.copying():  # as if the copy took long
        texts, _ = look(bucket, fruit, mirror, known)
        assert len(texts) == 10
        assert mirror.folder.load(TABLE) is None
    assert mirror._background is not None
    mirror._background.join()
    look(bucket, fruit, mirror, known)  # begins again
    mirror._background.join()
    assert look(bucket, fruit, mirror, known)[0] == texts
    assert look(bucket, fruit, mirror, known)[1] == 0


def test_while_the_bucket_is_away_the_copy_goes_on_and_says_so(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror
) -> None:
    mirror, known = open_mirror(), written(fruit)
    before, _ = look(bucket, fruit, mirror, known)
    bucket.proxy.go_away()
    assert look(bucket, fruit, mirror, WrittenVersion(known.version, known.write_id, is_writing=True))[0] == before
    assert mirror.problem is not None
    assert "cannot be reached" in mirror.problem
    assert look(bucket, fruit, open_mirror(), UNKNOWN)[0] == before  # a process that has just started
    with pytest.raises(BucketProblem, match="cannot be reached"):
        look(bucket, fruit, open_mirror("b"), known)
    bucket.proxy.come_back()
    put(fruit, "d9", "fruit number 9")
    assert mirror.follow(TABLE, written(fruit))
    assert not mirror.is_away
    assert "fruit number 9" in look(bucket, fruit, mirror, written(fruit))[0]


def test_a_bucket_that_is_away_is_not_asked_by_every_search(
    bucket: S3Bucket, fruit: Index, tmp_path: Path
) -> None:
    at = [1_000.0]
    mirror = IndexMirror(ADDRESS, tmp_path / "a", max_bytes=10**9, clock=lambda: at[0])
    look(bucket, fruit, mirror, UNKNOWN)
    bucket.proxy.go_away()
    look(bucket, fruit, mirror, UNKNOWN)
    bucket.proxy.come_back()
    fruit.remove(["d3"])
    assert "fruit number 3" in look(bucket, fruit, mirror, UNKNOWN)[0]
    at[0] += index_mirror.AWAY_SECONDS + 1
    assert "fruit number 3" not in look(bucket, fruit, mirror, UNKNOWN)[0]


def test_a_copy_that_was_deleted_is_made_again(bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror) -> None:
    mirror, known = open_mirror(), written(fruit)
    texts, _ = look(bucket, fruit, mirror, known)
    shutil.rmtree(mirror.folder.path)
    assert look(bucket, fruit, open_mirror(), known)[0] == texts
    shutil.rmtree(mirror.folder.path)
    for query in ("vegetable", "number 2", "fruit number 4"):  # whatever was cached of it
        assert found(fruit.from_mirror(mirror, known), query)
    fruit.remove(["d3"])
    assert "fruit number 3" not in look(bucket, fruit, mirror, written(fruit))[0]
    assert mirror.folder.load(TABLE) is not None


def test_a_file_that_is_damaged_on_the_disk_is_copied_again(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror
) -> None:
    known = written(fruit)
    texts, _ = look(bucket, fruit, open_mirror(), known)
    folder = open_mirror().folder.table_path(TABLE)
    for file in (folder / "data").iterdir():
        file.write_bytes(b"x" * file.stat().st_size)
    assert look(bucket, fruit, open_mirror(), known)[0] == texts
    for file in (folder / "data").iterdir():
        file.write_bytes(b"")
    assert look(bucket, fruit, open_mirror(), known)[0] == texts
    assert look(bucket, fruit, open_mirror(), known)[1] == 0


def test_a_file_that_arrives_damaged_is_asked_for_again(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror
) -> None:
    known, asked = written(fruit), set[str]()

    def damage_once(path: str, content: bytes) -> bytes:
        if "/data/" not in path or path in asked or not content:
            return content
        asked.add(path)
        return b"x" * len(content)

    bucket.change = damage_once
    mirror = open_mirror()
    assert len(look(bucket, fruit, mirror, known)[0]) == 10
    assert asked
    assert mirror.folder.load(TABLE) is not None
    assert look(bucket, fruit, mirror, known)[1] == 0


def test_files_that_are_never_whole_are_not_taken(bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror) -> None:
    known, n = written(fruit), [0]

    def damage(path: str, content: bytes) -> bytes:
        n[0] += 1
        return f"{n[0]:0{len(content)}d}".encode() if "/data/" in path else content

    bucket.change = damage
    mirror = open_mirror()
    assert mirror.open(TABLE, known) is None
    assert mirror.problem is not None
    assert "arrived damaged twice" in mirror.problem
    assert mirror.folder.load(TABLE) is None


def test_a_checksum_of_another_kind_is_no_damage(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket that encrypts with a key of one's own gives etags that look like an MD5 and are none."""
    read = ObjectStore.read

    def with_other_etags(self: ObjectStore, path: str) -> tuple[bytes, str] | None:
        answer = read(self, path)
        return answer and (answer[0], f'"{"0" * 32}"')

    monkeypatch.setattr(ObjectStore, "read", with_other_etags)
    mirror, known = open_mirror(), written(fruit)
    assert len(look(bucket, fruit, mirror, known)[0]) == 10
    assert look(bucket, fruit, mirror, known)[1] == 0


def test_a_copy_that_was_interrupted_is_continued(bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror) -> None:
    known, n = written(fruit), [0]

    def cut(path: str, content: bytes) -> bytes:
        n[0] += "/data/" in path
        if n[0] == 3:
            bucket.proxy.go_away()
        return content

    bucket.change = cut
    with pytest.raises(UserError, match="cannot be reached"):
        look(bucket, fruit, open_mirror(), known)
    bucket.change = lambda path, content: content
    bucket.proxy.come_back()
    copied = len([*(open_mirror().folder.table_path(TABLE)).rglob("*.lance")])
    texts, n_requests = look(bucket, fruit, open_mirror(), known)
    assert len(texts) == 10
    n_files = len(manifest.read(_manifest(bucket, known)).files)
    assert 0 < copied < n_files
    assert n_requests == 1 + n_files - copied


def test_a_disk_that_takes_no_copy_costs_time_and_no_answer(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mirror").write_text("no folder")
    mirror = open_mirror()
    assert len(look(bucket, fruit, mirror, written(fruit))[0]) == 10
    assert mirror.problem is not None
    assert "cannot be copied to" in mirror.problem
    assert "DOCENT_HOME" in mirror.problem


def test_an_index_that_is_too_large_for_a_copy_is_read_in_the_bucket(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror
) -> None:
    mirror = open_mirror(max_bytes=10_000)
    assert len(look(bucket, fruit, mirror, written(fruit))[0]) == 10
    assert mirror.problem is not None
    assert "Raise DOCENT_MIRROR_GB" in mirror.problem
    assert mirror.folder.n_bytes() < 10_000


def test_searches_that_read_the_bucket_open_the_table_once(bucket: S3Bucket, fruit: Index) -> None:
    def count(searched: Callable[[], Index]) -> int:
        found(searched(), "fruit")
        bucket.requests.clear()
        assert len(found(searched(), "fruit")) == 10
        return bucket.n_requests

    known = written(fruit)
    plain, mirrored = (Index(ADDRESS, embedding_model="static") for _ in range(2))
    mirror = IndexMirror(ADDRESS, Path("unused"), max_bytes=1_000)
    mirror._paused_until = float("inf")  # as after a copy that the disk did not take
    assert count(lambda: mirrored.from_mirror(mirror, known)) == count(lambda: plain)


def test_one_search_waits_for_a_long_copy_of_another_process_and_no_more_of_them(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_mirror, "WAIT_SECONDS", 0.1)
    mirror, waits = open_mirror(), list[float]()
    take = mirror.folder.copying

    def copying(*, wait_seconds: float = 0) -> AbstractContextManager[bool]:
        waits.append(wait_seconds)
        return take(wait_seconds=wait_seconds)

    monkeypatch.setattr(mirror.folder, "copying", copying)
    look(bucket, fruit, mirror, written(fruit))
    put(fruit, "d9", "fruit number 9")
    known = written(fruit)
    with open_mirror().folder.copying() as is_copying:
        assert is_copying
        waits.clear()
        assert [mirror.open(TABLE, known) for _ in range(3)] == [None, None, None]
        assert waits == [0.1, 0, 0]
        assert "fruit number 9" in look(bucket, fruit, mirror, known)[0]  # in the bucket
    opened = mirror.open(TABLE, known)
    assert opened is not None
    assert opened.copied.version == known.version


def test_a_folder_that_is_deleted_while_it_is_measured_ends_nothing(
    fruit: Index, open_mirror: OpenMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = open_mirror()
    fruit.from_mirror(mirror, written(fruit)).n_chunks()
    files = [file for file in mirror.folder.path.rglob("*") if file.is_file()]
    assert mirror.folder.n_bytes() == sum(file.stat().st_size for file in files)

    def delete_first(file: Path) -> int | None:
        shutil.rmtree(mirror.folder.path, ignore_errors=True)
        return size_of(file)

    size_of = mirror_folder._size
    monkeypatch.setattr(mirror_folder, "_size", delete_first)
    assert mirror.folder.n_bytes() == 0


def test_what_no_version_needs_is_removed(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_copy, "EARLIER_SECONDS", 0)
    mirror = open_mirror()
    for n in range(6):
        put(fruit, f"d{n}", f"fruit number {n}")
        fruit.optimize()
        look(bucket, fruit, mirror, written(fruit))
    known = written(fruit)
    folder = mirror.folder.table_path(TABLE)
    there = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    named = {file.path for file in manifest.read(_manifest(bucket, known)).files}
    assert there == named | {manifest.path_of(known.version or 0)}


def test_a_version_is_kept_for_searches_that_still_read_it(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror
) -> None:
    mirror, before = open_mirror(), written(fruit)
    opened = mirror.open(TABLE, before)
    fruit.optimize()
    put(fruit, "d0")
    assert "fruit number 0" not in look(bucket, fruit, open_mirror(), written(fruit))[0]  # another process
    assert opened is not None
    assert lancedb_runtime.run(opened.table.count_rows("document_id = 'd0'")) == 2


def test_a_table_made_anew_under_the_name_of_another_is_not_taken_for_it(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror
) -> None:
    mirror, before = open_mirror(), written(fruit, "before")
    look(bucket, fruit, mirror, before)
    lancedb_runtime.run(lancedb_runtime.drop_table(ADDRESS, TABLE))
    anew = Index(ADDRESS, embedding_model="static")
    for n in range(5):
        put(anew, f"e{n}", f"fruit salad {n}")
    after = written(anew, "after")
    assert after.version == before.version
    assert all("salad" in text for text in look(bucket, anew, mirror, after)[0])


def test_an_older_index_is_not_searched(bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror) -> None:
    """A bucket that was restored from a copy may have what was deleted, and whom it was for."""
    too_new = WrittenVersion(int(fruit.version()) + 3, "w", is_writing=True)
    with pytest.raises(IndexOlder, match="docent ingest"):
        look(bucket, fruit, open_mirror(), too_new)
    with pytest.raises(IndexOlder, match="docent ingest"):
        look(bucket, fruit, open_mirror(), WrittenVersion(too_new.version, "w"))


def test_another_embedding_model_is_refused(bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror) -> None:
    other = Index(ADDRESS, embedding_model="openai/text-embedding-3-small")
    with pytest.raises(UserError, match=r"made with the embedding model 'static'.*docent reindex"):
        look(bucket, other, open_mirror(), written(fruit))
    narrow = fruit.from_mirror(open_mirror(), written(fruit))
    with pytest.raises(UserError, match="64 dimensions"):
        narrow.candidates("fruit", np.ones(64, np.float32), scope=EVERYONE, limit=3)


def test_tables_that_are_not_searched_any_more_are_removed(
    bucket: S3Bucket, fruit: Index, open_mirror: OpenMirror
) -> None:
    mirror = open_mirror()
    look(bucket, fruit, mirror, written(fruit))
    other = Index(ADDRESS, embedding_model="static", table="chunks_2")
    put(other, "a", "fruit of another table")
    assert look(bucket, other, mirror, written(other))[0] == ["fruit of another table"]
    mirror.follow("chunks_2", written(other))
    assert mirror.folder.tables() == ["chunks_2"]


def _manifest(bucket: S3Bucket, known: WrittenVersion) -> bytes:
    stored = ObjectStore(ADDRESS).read(f"{TABLE}.lance/{manifest.path_of(known.version or 0)}")
    assert stored is not None
    return stored[0]
