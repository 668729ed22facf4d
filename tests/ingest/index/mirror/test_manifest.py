"""A version consists of the files that its manifest names, and of nothing else."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.index import lancedb_runtime
from ingest.index.mirror import manifest
from ingest.index.mirror.manifest import UnknownManifest
from ingest.index.table import Index
from tests.ingest.index.test_table import READERS, found, put


def write_two(index: Index) -> None:
    put(index, "a", "apples", "pears")
    put(index, "b", "cherries")


def write_and_delete(index: Index) -> None:
    write_two(index)
    put(index, "a", "quinces")
    index.remove(["b"])


def write_and_optimize(index: Index) -> None:
    write_and_delete(index)
    index.optimize()


def write_after_optimizing(index: Index) -> None:
    write_and_optimize(index)
    put(index, "c", "plums")
    index.set_access(["a"], READERS)


@pytest.mark.parametrize("write", [write_two, write_and_delete, write_and_optimize, write_after_optimizing])
def test_the_named_files_alone_are_the_whole_version(tmp_path: Path, write: Callable[[Index], None]) -> None:
    index = Index(str(tmp_path / "index"), embedding_model="static")
    write(index)
    version, table = int(index.version()), tmp_path / "index" / "chunks.lance"
    read = manifest.read((table / manifest.path_of(version)).read_bytes())

    copied = tmp_path / "copy" / "chunks.lance"
    for name in [manifest.path_of(version), *(file.path for file in read.files)]:
        (copied / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(table / name, copied / name)
    copy = Index(str(tmp_path / "copy"), embedding_model="static")
    assert read.version == version == int(copy.version())
    assert sorted(found(copy, "apples")) == sorted(found(index, "apples"))
    assert copy.n_chunks() == index.n_chunks()
    sizes = {file.path: file.n_bytes for file in read.files if file.n_bytes}
    assert sizes == {name: (table / name).stat().st_size for name in sizes}


def test_the_name_of_a_manifest_tells_its_version() -> None:
    assert manifest.path_of(1) == "_versions/18446744073709551614.manifest"
    assert manifest.version_of("chunks.lance/_versions/18446744073709551614.manifest") == 1
    assert sorted(map(manifest.path_of, (9, 10, 11))) == [manifest.path_of(n) for n in (11, 10, 9)]
    with pytest.raises(UnknownManifest):
        manifest.version_of("chunks.lance/_versions/latest_version_hint.json")


def test_a_manifest_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    index = Index(str(tmp_path / "index"), embedding_model="static")
    write_and_delete(index)
    path = tmp_path / "index" / "chunks.lance" / manifest.path_of(int(index.version()))
    content = path.read_bytes()
    whole = manifest.read(content)
    for n in range(0, len(content) - 1, 7):
        with pytest.raises(UnknownManifest):
            manifest.read(content[:n])
    for n in range(0, len(content), 11):  # a changed byte: refused, or of no file of another folder
        try:
            changed = manifest.read(content[:n] + bytes([content[n] ^ 0xFF]) + content[n + 1 :])
        except UnknownManifest:
            continue
        assert all(not file.path.startswith("/") and ".." not in file.path for file in changed.files)
    assert manifest.read(content) == whole


def test_a_table_with_files_elsewhere_is_refused(tmp_path: Path) -> None:
    """As a shallow clone has them: its manifest names the folder of the table that it was made of."""
    index = Index(str(tmp_path / "index"), embedding_model="static")
    write_two(index)

    async def clone() -> None:
        connection = await lancedb_runtime.connect(str(tmp_path / "index"))
        await connection.clone_table("clone", str(tmp_path / "index" / "chunks.lance"), is_shallow=True)

    lancedb_runtime.run(clone())
    (path,) = (tmp_path / "index" / "clone.lance" / "_versions").glob("*.manifest")
    with pytest.raises(UnknownManifest, match=r"not known here|outside"):
        manifest.read(path.read_bytes())
