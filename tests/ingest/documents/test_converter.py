"""The child that reads documents: reused, replaced, held to its limits, and not started without need."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psutil
import pytest

from agent.types import Audience
from ingest.documents.blocks import Document
from ingest.documents.converter import CHILD, ConversionBug, Converter, ReaderLimits
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers import reader
from ingest.library import Library
from tests.ingest import paper
from tests.ingest.conftest import opened
from tests.library import sync_folder

HELLO = paper.pdf([(60, 700, 10, "Hello from the paper.")])

# Reads as the real child does, except for documents that say what else to do.
MISBEHAVING = """
import json, os, signal, sys, time
from ingest.documents.readers import child
def read(raw, max_chars):
    content = raw.content
    if b"HANG" in content:
        time.sleep(600)
    if b"SPIN" in content:
        while True:
            pass
    if b"ABORT" in content:
        hoard = [bytes(100_000_000) for _ in range(12)]
        time.sleep(0.5)
        os.abort()
    if b"TOUCH" in content:
        hoard = b"x" * 300_000_000
        time.sleep(600)
    if b"DIE" in content:
        os.kill(os.getpid(), signal.SIGKILL)
    if b"EAT" in content:
        hoard = [bytes(50_000_000) for _ in range(100)]
    if b"RAISE" in content:
        raise ValueError("secret text of the document")
    if b"PRINT" in content:
        print("spoils the answer")
        os.write(1, b"spoils the answer")
    if b"WRITE" in content:
        with open(content.decode().split(" ", 1)[1], "w") as file:
            file.write("x")
    if b"ENVIRONMENT" in content:
        from ingest.documents.blocks import Block, Document
        return Document(" ".join(sorted(os.environ)), (Block("paragraph", "x"),))
    return child.read(raw, max_chars)
child.serve(json.loads(sys.argv[1]), read=read)
"""


@pytest.fixture
def converter() -> Iterator[Converter]:
    with Converter(child=(sys.executable, "-c", MISBEHAVING)) as converter:
        yield converter


def raw(content: bytes, format_: Format = Format.PDF) -> RawDocument:
    return RawDocument(content, format_, "File name")


def read_problem(converter: Converter, text: str) -> FetchProblem:
    with pytest.raises(FetchProblem) as problem:
        converter.read(raw(paper.pdf([(60, 700, 10, text)])))
    return problem.value


def works(converter: Converter) -> bool:
    return converter.read(raw(HELLO)).blocks[0].text == "Hello from the paper."


def test_one_child_reads_one_document_after_another_and_ends_with_the_sync() -> None:
    with Converter() as converter:
        before = converter.pid
        assert before is None
        assert works(converter)
        first = converter.pid
        assert converter.read(raw(paper.docx(paper.paragraph("Word.")), Format.DOCX)).blocks[0].text == "Word."
        assert works(converter)
        assert converter.pid == first
    assert first is not None
    assert not psutil.pid_exists(first)


def test_a_document_that_hangs_is_given_up_and_the_next_is_read(converter: Converter) -> None:
    assert works(converter)
    first = converter.pid
    converter.limits = ReaderLimits(seconds=0.2)
    problem = read_problem(converter, "HANG")
    assert (problem.cause, problem.may_pass) == ("could not be read within 0.2 s", True)
    converter.limits = ReaderLimits()
    assert works(converter)
    assert converter.pid != first


def test_a_document_that_computes_without_end_is_given_up_until_it_changes(library: Library, folder: Path) -> None:
    (folder / "paper.pdf").write_bytes(paper.pdf([(60, 700, 10, "SPIN")]))
    started = 0

    def converter() -> Converter:
        class Counted(Converter):
            def read(self, raw: RawDocument) -> Document:
                nonlocal started
                started += raw.format == "pdf"
                return super().read(raw)

        return Counted(ReaderLimits(cpu_seconds=1), child=(sys.executable, "-c", MISBEHAVING))

    for _ in range(2):
        report = library.sync(
            opened(folder),
            converter=converter,
        )
        assert [problem.cause for problem in report.problems] == [
            "needs more than 1 s of processor time to be read"
        ]
    assert started == 1


def test_the_processors_time_is_of_each_document() -> None:
    slow = "import time\n" + MISBEHAVING.replace(
        '    if b"HANG"',
        '    until = time.process_time() + 0.7\n    while time.process_time() < until: pass\n    if b"HANG"',
    )
    with Converter(ReaderLimits(cpu_seconds=1), child=(sys.executable, "-c", slow)) as converter:
        assert works(converter)
        first = converter.pid
        assert all(works(converter) for _ in range(3))
        assert converter.pid == first


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to an amount of memory")
def test_a_reader_that_aborts_without_memory_is_no_crash(converter: Converter) -> None:
    assert read_problem(converter, "ABORT").cause == "needs more than 1.5 GB of memory to be read"
    assert works(converter)


def test_a_document_that_takes_more_memory_than_the_system_holds_it_to_is_given_up(converter: Converter) -> None:
    assert works(converter)
    converter.limits = ReaderLimits(memory_bytes=200_000_000)
    problem = read_problem(converter, "TOUCH")
    assert (problem.cause, problem.may_pass) == ("needs more than 0.2 GB of memory to be read", True)
    converter.limits = ReaderLimits()
    assert works(converter)


def test_a_document_that_kills_its_reader_harms_no_other(converter: Converter) -> None:
    assert works(converter)
    first = converter.pid
    assert read_problem(converter, "DIE").cause == "made its reader crash"
    assert works(converter)
    assert converter.pid != first


def test_a_child_killed_between_two_documents_is_replaced(converter: Converter) -> None:
    assert works(converter)
    child = psutil.Process(converter.pid)
    child.kill()
    psutil.wait_procs([child])
    assert works(converter)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to an amount of memory")
def test_a_document_that_eats_memory_is_given_up(converter: Converter) -> None:
    problem = read_problem(converter, "EAT")
    assert (problem.cause, problem.may_pass) == ("needs more than 1.5 GB of memory to be read", True)
    assert works(converter)


@pytest.mark.parametrize("make", [paper.pdf, lambda texts: paper.docx(paper.paragraph(texts[0][3]))])
def test_a_document_with_too_much_text_is_given_up(make: Callable[..., bytes]) -> None:
    with Converter(ReaderLimits(max_chars=100)) as converter:
        content = make([(60, 700, 10, "word " * 30)])
        with pytest.raises(FetchProblem, match="more than 100 characters"):
            converter.read(raw(content, Format.PDF if content.startswith(b"%PDF") else Format.DOCX))
        assert works(converter)


def test_an_unthought_of_error_is_a_bug_and_quotes_no_document(converter: Converter) -> None:
    with pytest.raises(ConversionBug) as bug:
        converter.read(raw(b"%PDF-RAISE"))
    assert "ValueError" in str(bug.value)
    assert "secret" not in str(bug.value)
    assert works(converter)


def test_what_a_parser_prints_spoils_no_answer(converter: Converter) -> None:
    assert converter.read(raw(paper.pdf([(60, 700, 10, "PRINT")]))).blocks[0].text == "PRINT"


def test_a_parser_can_write_nothing_into_a_file(converter: Converter, tmp_path: Path) -> None:
    with pytest.raises(ConversionBug, match="OSError"):
        converter.read(raw(f"WRITE {tmp_path / 'written'}".encode()))
    assert (tmp_path / "written").read_bytes() == b""


def test_the_child_knows_no_secret(converter: Converter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    names = converter.read(raw(b"ENVIRONMENT")).title.split()
    assert "PYTHONPATH" in names
    assert not {"OPENAI_API_KEY", "DATABASE_URL", "HOME"} & set(names)


def test_a_child_whose_parent_is_gone_ends() -> None:
    with subprocess.Popen([*CHILD, json.dumps(asdict(ReaderLimits()))], stdin=subprocess.PIPE) as child:
        child.communicate()
    assert child.returncode == 0


def test_everything_a_document_has_comes_back_as_it_was_read() -> None:
    changed = datetime(2024, 3, 1, 10, 30, tzinfo=timezone(timedelta(hours=2)))
    matter = "---\ntitle: Öffnung\ntags: [gate]\n---\n"
    text = "## Gate\n- one\n\n| A | B |\n|---|---|\n| 1 | 2 |\n\n```\nx\n```\n"
    document = RawDocument((matter + text).encode(), Format.MARKDOWN, "File name", changed)
    with Converter() as converter:
        assert converter.read(document) == reader.read_document(document)


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{}", b"nonsense", b'{"document": 1}', b'{"document": {"title": 5, "blocks": []}}']
)
def test_an_answer_that_is_none_is_a_bug(answer: bytes) -> None:
    child = (
        f"import sys; a = {answer!r}; sys.stdin.buffer.readline(); sys.stdout.buffer.write(len(a).to_bytes(8) + a)"
    )
    with Converter(child=(sys.executable, "-c", child)) as converter, pytest.raises((ConversionBug, FetchProblem)):
        converter.read(raw(HELLO))


def test_a_child_loads_the_library_of_a_format_when_the_first_document_of_it_comes() -> None:
    heavy = {"pypdfium2", "mammoth", "trafilatura", "lxml", "python_calamine", "selectolax", "markdown_it"}
    loaded = f"import sys, ingest.documents.readers.child; print(*{heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_a_sync_that_has_something_to_read_starts_a_child_and_leaves_none(library: Library, folder: Path) -> None:
    def children() -> set[int]:
        return {process.pid for process in psutil.Process().children()}

    def started() -> set[int]:
        seen: list[set[int]] = []
        before = children()
        progress = lambda done, total: seen.append(children() - before)  # noqa: E731
        sync_folder(library, str(folder), progress=progress, converter=Converter)
        assert children() <= before
        return set().union(*seen)

    (folder / "paper.pdf").write_bytes(HELLO)
    assert started()
    assert started() == set()


def test_a_document_that_crashed_its_reader_is_tried_again_and_found_as_it_was(
    library: Library, folder: Path
) -> None:
    sync_folder(library, str(folder))
    (folder / "paper.pdf").write_bytes(HELLO)
    sync_folder(library, str(folder))
    (folder / "paper.pdf").write_bytes(paper.pdf([(60, 700, 10, "DIE at first.")]))
    report = library.sync(
        opened(folder),
        converter=lambda: Converter(child=(sys.executable, "-c", MISBEHAVING)),
    )

    assert [problem.uri for problem in report.problems] == ["paper.pdf"]
    assert "Hello" in library.search("hello from the paper", audience=Audience()).passages[0].text
    assert sync_folder(library, str(folder)).problems == ()
    assert "DIE at first." in library.search("die at first", audience=Audience()).passages[0].text


def test_a_bad_file_stops_no_other(library: Library, folder: Path) -> None:
    (folder / "paper.pdf").write_bytes(HELLO)
    (folder / "word.docx").write_bytes(paper.docx(paper.paragraph("The gate opens at six.")))
    (folder / "broken.pdf").write_bytes(HELLO[:200])
    report = sync_folder(library, str(folder))
    assert [problem.uri for problem in report.problems] == ["broken.pdf"]
    found = library.search("When does the gate open?", audience=Audience()).passages[0]
    assert (found.text, found.title) == ("The gate opens at six.", "Word")
