"""The library's commands as a person types them: what they do, what they say, and how they end."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from agent.store.database import Database
from ingest.sources.folder import FolderOptions
from tests.command import Docent
from tests.scripted_embeddings import ScriptedEmbeddings
from tests.scripted_model import Fail
from tests.system import HANDBOOK, ForkServer


@pytest.fixture
def docent(zygote: ForkServer, database: Database, database_url: str, tmp_path: Path) -> Docent:
    """Runs ``docent`` in a folder with a handbook in ``pages``."""
    (tmp_path / "pages").mkdir()
    for name, content in HANDBOOK.items():
        (tmp_path / "pages" / name).write_text(content)
    return Docent(zygote, tmp_path, {"DATABASE_URL": database_url})


@pytest.fixture
def model() -> Iterator[ScriptedEmbeddings]:
    with ScriptedEmbeddings() as model:
        yield model


def declare(tmp_path: Path, content: str) -> None:
    (tmp_path / "docent.toml").write_text(content)


# docent documents


def test_near_duplicates_are_listed_with_both_addresses_the_newest_first(docent: Docent, tmp_path: Path) -> None:
    page = "# Travel\n\n" + " ".join(f"Rule {n} of the travel policy is about matter {n * 7}." for n in range(30))
    for name, day in (("travel.md", "2024-01-01"), ("travel-copy.md", "2026-05-01")):
        (tmp_path / "pages" / name).write_text(f"---\nupdated: {day}\n---\n{page}\n\nThis is {name}.\n")
    assert docent("ingest", "pages", "--link", "https://handbook.example/{path}").code == 0
    (group,) = docent("documents", "--duplicates", "--json").json
    assert [one["url"] for one in group["documents"]] == [
        "https://handbook.example/travel-copy",
        "https://handbook.example/travel",
    ]
    assert group["similarity"] >= 0.8
    told = docent("documents", "pages", "--duplicates").out
    assert "2 documents, alike to" in told
    assert told.index("https://handbook.example/travel-copy") < told.rindex("https://handbook.example/travel\n")
    assert (
        docent("documents", "none", "--duplicates").err
        == "docent: There is no source 'none'. 'docent documents' lists them.\n"
    )
    assert docent("documents", "--problems", "--duplicates").code == 2


# docent sync


def test_declared_sources_are_synced_and_one_that_is_broken_stops_no_other(docent: Docent, tmp_path: Path) -> None:
    declare(
        tmp_path,
        '[sources.gone]\nlocation = "nowhere"\n[sources.wrong]\nlocation = "pages"\ncolour = "red"\n'
        '[sources.pages]\nlocation = "pages"\nlink = "https://handbook.example/{path}"\n',
    )
    done = docent("sync")
    assert done.code == 1
    assert f"docent: gone: There is no folder {tmp_path}/nowhere. Check the path." in done.err
    assert "docent: wrong: docent.toml [sources.wrong]: there is no option 'colour'." in done.err
    assert done.out.startswith("pages: 4 added, 0 changed, 0 unchanged, 0 removed; ")

    done = docent("sync", "pages")
    assert (done.code, "0 added, 0 changed, 4 unchanged" in done.out) == (0, True)
    done = docent("sync", "--json")
    assert done.code == 1
    assert {one["source"]: one["status"] for one in done.json} == {
        "gone": "failed",
        "wrong": "failed",
        "pages": "completed",
    }
    assert done.json[2]["n_unchanged"] == 4


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        (None, [], "docent.toml declares no source. Write one there, such as: sources.handbook.location = "),
        ("", [], "docent.toml declares no source."),
        ("[sources.a]\nlocation='pages'", ["b"], "docent.toml declares no source 'b'. It has: a."),
        ("[sources", [], "docent.toml cannot be read: "),
    ],
)
def test_what_cannot_be_synced_is_said(
    docent: Docent, tmp_path: Path, content: str | None, arguments: list[str], said: str
) -> None:
    if content is not None:
        declare(tmp_path, content)
    done = docent("sync", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("docent: ")
    assert said in done.err


def test_a_source_that_lost_its_documents_is_stopped_until_forced(docent: Docent, tmp_path: Path) -> None:
    for i in range(12):
        (tmp_path / "pages" / f"{i}.md").write_text(f"# Rule {i}\n\nThe rule is number {i}.")
    declare(tmp_path, '[sources.pages]\nlocation = "pages"\n')
    assert docent("sync").code == 0
    for i in range(12):
        (tmp_path / "pages" / f"{i}.md").unlink()
    done = docent("sync")
    assert done.code == 1
    assert "'pages' had 16 documents, and 12 of them are gone, so nothing was changed." in done.err
    assert "pages: stopped: " in docent("documents").out
    assert "12 removed" in docent("sync", "--force").out


def test_what_is_declared_no_more_is_named_with_how_to_remove_it(docent: Docent, tmp_path: Path) -> None:
    declare(tmp_path, '[sources.old]\nlocation = "pages"\n')
    docent("sync")
    declare(tmp_path, '[sources.new]\nlocation = "pages"\n')
    said = docent("sync").out
    assert (
        "'old' is not declared, and its 4 documents stay searchable. To remove them: docent forget 'old'" in said
    )
    assert "4 documents of 'old' removed." in docent("forget", "old").out
    said = docent("forget", "new").out
    assert "docent.toml still declares it: remove it there too, or the next sync reads it in again" in said
    done = docent("forget", "old")
    assert (done.code, "There is no source 'old'. 'docent documents' lists them." in done.err) == (2, True)


# docent ingest


def test_a_folder_is_read_in_as_the_options_say(docent: Docent, tmp_path: Path) -> None:
    done = docent("ingest", "pages", "--include", "l*.md", "--include", "t*.md", "--exclude", "leave.md", "--json")
    assert (done.code, done.json["source"], done.json["n_added"]) == (0, "pages", 1)
    done = docent("ingest", "pages", "--name", "mine", "--reader", "channel:C1", "--option", "exclude=['t*.md']")
    assert "mine: 3 added" in done.out
    assert "https" not in docent("search", "annual leave", "--source", "mine").out  # it is for a channel only
    assert "Nothing found." in docent("search", "annual leave", "--source", "mine").out
    assert "annual leave" in docent("search", "annual leave", "--source", "mine", "--as", "channel:C1").out
    done = docent("search", "annual leave", "--as", "C1")
    assert "'C1' does not name a reader. Write everyone, guests, external, team:T" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--option", "colour"], "'colour' is not an option. Write NAME=VALUE, such as max_pages=500."),
        (["--option", "colour=red"], "pages: there is no option 'colour'."),
        (["--option", "every=soon"], "every = 'soon' is not usable: write it as 90s, 15m, 6h, 7d, 2w, or never."),
        (
            ["--reader", "ada"],
            "'ada' does not name a reader. Write everyone, guests, external, team:T",
        ),
        (["--link", "https://x.example/"], "it lacks {path}. Example: https://handbook.example/{path}."),
        (["--name", "x" * 101], "a name has up to 100 characters, on one line."),
        (["--exclude", "!"], "'!' is not a pattern as in a .gitignore."),
    ],
)
def test_a_wrong_option_is_told_in_one_line(docent: Docent, arguments: list[str], said: str) -> None:
    done = docent("ingest", "pages", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_two_folders_of_one_name_do_not_take_each_other_s_place(docent: Docent, tmp_path: Path) -> None:
    docent("ingest", "pages")
    other = tmp_path / "other" / "pages"
    other.mkdir(parents=True)
    (other / "wiki.md").write_text("# Wiki\n\nA page about gardening.")
    done = docent("ingest", "other/pages")
    assert done.code == 2
    assert (
        f"The source 'pages' already has the documents of {tmp_path}/pages. Give {other} another name" in done.err
    )
    assert "wiki: 1 added" in docent("ingest", "other/pages", "--name", "wiki").out
    assert "4 unchanged" in docent("ingest", "./pages/").out


def test_bad_documents_are_listed_with_what_to_do(docent: Docent, tmp_path: Path) -> None:
    (tmp_path / "pages" / "empty.md").write_text("")
    (tmp_path / "pages" / "a[b]c.md").write_bytes(b"\0\1\2" * 100)
    (Path(bytes(tmp_path / "pages").decode()) / "caf\udce9.md").write_text("# Café\n\nCoffee is free.")
    deep = tmp_path / "pages"
    for _ in range(9):
        deep = deep / ("ü" * 120)
    deep.mkdir(parents=True)
    (deep / "deep.md").write_text("# Deep\n\nIt is deep here.")
    done = docent("ingest", "pages", "--link", "https://handbook.example/{path}")
    first, second = done.out.splitlines()[:2]
    assert (done.code, first.split(";")[0]) == (0, "pages: 4 added, 0 changed, 0 unchanged, 4 not read, 0 removed")
    assert second == "  Of 8 documents, 4 could be read:"
    said = docent("documents", "--problems").out
    assert "  a[b]c.md: is not text, despite its name; " in said
    assert "  empty.md: contains no text; " in said
    name = "has a name that cannot be stored; rename it: Unicode, and with its folders at most 2,000 bytes."
    assert f"  caf\\udce9.md: {name}" in said
    assert said.count(name) == 2
    found = docent("documents", "--json").json
    assert [one["n_problems"] for one in found["sources"]] == [4]
    assert {one["cause"] for one in found["problems"]} == {
        "is not text, despite its name",
        "contains no text",
        "has a name that cannot be stored",
    }
    assert (
        "0 added, 0 changed, 4 unchanged, 4 not read"
        in docent("ingest", "pages", "--link", "https://handbook.example/{path}").out
    )


# docent documents and docent search


def test_documents_shows_each_source_with_its_last_sync(docent: Docent, tmp_path: Path) -> None:
    assert "No documents have been read in yet" in docent("documents").out
    declare(tmp_path, '[sources.wiki]\nlocation = "pages"\nevery = "15m"\n[sources.later]\nlocation = "pages"\n')
    docent("sync", "wiki")
    lines = [line.split() for line in docent("documents").out.splitlines()]
    assert ["wiki", "4", "7", "0", "just", "now", "completed", "15m"] in lines
    assert ["later", "0", "0", "0", "never", "not", "yet", "synced", "1h"] in lines
    assert "No document has a problem." in docent("documents", "wiki", "--problems").out
    done = docent("documents", "nothing")
    assert (done.code, "There is no source 'nothing'." in done.err) == (2, True)


def test_a_search_is_filtered_and_explained(docent: Docent, tmp_path: Path) -> None:
    docent("ingest", "pages")
    docent("ingest", "pages", "--name", "copy", "--include", "leave.md")
    why = docent("search", "days of annual leave", "--why").out
    assert "1. Leave › Annual leave" in why
    assert "words 1. (" in why
    assert "near duplicates left out" in why
    told = docent("search", "days of annual leave", "--why", "--json", "--source", "copy").json
    assert {one["candidate"]["source"] for one in told["passages"]} == {"copy"}
    assert docent("search", "annual leave", "--since", "1d", "--json").json
    assert docent("search", "annual leave", "--since", "15m", "--json").json
    assert docent("search", "annual leave", "--since", "2999-01-01", "--json").json == []
    done = docent("search", "annual leave", "--source", "nowhere")
    assert (done.code, "There is no source 'nowhere'." in done.err) == (2, True)
    done = docent("search", "annual leave", "--since", "yesterday")
    assert (done.code, "2026-05-31 or 7d" in done.err) == (2, True)


# Embedding models


def test_another_embedding_model_is_priced_asked_for_and_switched_to(
    docent: Docent, model: ScriptedEmbeddings
) -> None:
    docent("ingest", "pages")
    env = {
        "DOCENT_EMBEDDING_MODEL": model.named("words"),
        "OPENAI_API_KEY": "sk-test",
        "DOCENT_MODEL_PRICES": "openai/words=1000/0",
    }
    said = docent("ingest", "pages", **env).out
    assert "7 chunks to embed, about " in said
    assert "Run 'docent reindex' for that; until then 'static' is used." in said
    assert "at an unknown price" in docent("ingest", "pages", **env | {"DOCENT_MODEL_PRICES": ""}).out
    done = docent("reindex", **env)
    assert (done.code, "Nothing was changed: there is nobody to ask. Add --yes." in done.err) == (2, True)
    assert model.requests == []
    done = docent("reindex", "--yes", **env)
    assert done.code == 0
    assert "7 chunks embedded for $0." in done.out
    assert "The index is already made with" in docent("reindex", "--yes", **env).out
    assert "7 chunks embedded" in docent("reindex", "--yes", "--again", **env).out
    assert "5 days" in docent("search", "annual leave to carry over", **env).out


def test_a_model_that_does_not_answer_is_told_in_one_line(docent: Docent, model: ScriptedEmbeddings) -> None:
    model.fail = lambda n: Fail(401)
    env = {"DOCENT_EMBEDDING_MODEL": model.named("words"), "OPENAI_API_KEY": "sk-test"}
    done = docent("ingest", "pages", **env)
    assert done.code == 2
    assert "docent: The model 'openai/words' gave no answer" in done.err
    assert "the provider rejects the key, or got none" in done.err
    assert "Traceback" not in done.err
    assert "pages: failed: The model 'openai/words' gave no answer" in docent("documents").out


def test_the_documents_of_one_source_are_listed_with_when_they_were_read(docent: Docent, tmp_path: Path) -> None:
    (tmp_path / "pages" / "broken.pdf").write_bytes(b"no pdf")
    dutch = "Elke werknemer heeft dertig vakantiedagen per jaar, en vijf daarvan blijven staan."
    for n in range(7):
        (tmp_path / "pages" / f"verlof-{n}.md").write_text(f"# Verlof {n}\n\n{dutch}\n")
    told = docent("ingest", "pages").out
    assert (
        "7 documents are in Dutch, for which search has no rules, so words are found as they are written" in told
    )
    assert "verlof-4.md, and 2 more ('docent documents pages' shows the language of each)" in told
    said = docent("documents", "pages").out
    (line,) = [line for line in said.splitlines() if line.strip().startswith("verlof-6.md")]
    assert line.split()[3:5] == ["1", "nl"]
    (line,) = [line for line in said.splitlines() if line.strip().startswith("leave.md")]
    assert "just now" in line
    line, problem = [line for line in said.splitlines() if line.strip().startswith("broken.pdf")]
    assert "is not a PDF, despite its name; save it in that format" in problem
    assert "not read" in line
    listed = docent("documents", "pages", "--json").json["documents"]
    assert {document["uri"] for document in listed} == {
        *HANDBOOK,
        "broken.pdf",
        *(f"verlof-{n}.md" for n in range(7)),
    }
    assert all(document["read_at"] for document in listed)


def test_one_document_is_forgotten_and_what_brings_it_back_is_said(docent: Docent, tmp_path: Path) -> None:
    for name in ("#1 [draft].md", "sub/!.md"):
        (tmp_path / "pages" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "pages" / name).write_text("# Draft\n\nNot yet.")
    docent("ingest", "pages")
    assert "5 days" in docent("search", "annual leave to carry over").out
    done = docent("forget", "pages", "leave.md")
    assert (done.code, done.out.splitlines()[0]) == (0, "'leave.md' of 'pages' removed.")
    assert "The next sync of 'pages' reads it in again" in done.out
    assert "--exclude /leave.md" in done.out
    assert "5 days" not in docent("search", "annual leave to carry over").out
    assert "1 added, 0 changed, 5 unchanged" in docent("ingest", "pages").out
    assert "0 added" in docent("ingest", "pages", "--exclude", "/leave.md").out
    for arguments, said in (
        (("pages", "nope.md"), "The source 'pages' has no document 'nope.md'."),
        (("nope", "leave.md"), "There is no source 'nope'."),
        (
            ("pages", "Draft"),
            "Several documents are called 'Draft': '#1 [draft].md', 'sub/!.md'. Name one of them.",
        ),
    ):
        done = docent("forget", *arguments)
        assert (done.code, said in done.err) == (2, True)


def test_the_pattern_that_leaves_a_document_out_fits_it_alone(docent: Docent, tmp_path: Path) -> None:
    """Names that a .gitignore reads otherwise, and one that is found in other folders too."""
    names = ["#1 [draft].md", "!important.md", "leave.md", "sub/leave.md", "a*b.md"]
    for name in names:
        (tmp_path / "pages" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "pages" / name).write_text(f"# {name}\n\nText.")
    docent("ingest", "pages")
    for name in names:
        said = docent("forget", "pages", name).out
        pattern = shlex.split(said.rpartition("--exclude ")[2])[0]
        taken = FolderOptions(type="folder", location="pages", exclude=(pattern,)).takes
        assert [other for other in names if not taken(other)] == [name]


def test_mistakes_in_the_file_of_sources_are_told_all_at_once(docent: Docent, tmp_path: Path) -> None:
    declare(
        tmp_path,
        '[sources.a]\nlocation = "pages"\nexlude = ["x"]\ncolour = "red"\n[sources.b]\npath = "pages"\n'
        '[sources.c]\nlocation = "pages"\n[sources.d]\nlocation = "./pages/"\n',
    )
    done = docent("sync")
    assert done.code == 1
    said = [line for line in done.err.splitlines() if line.startswith("docent: ")]
    assert said[:2] == [
        "docent: a: docent.toml [sources.a]: there is no option 'exlude'. Did you mean 'exclude'?",
        "docent: a: docent.toml [sources.a]: there is no option 'colour'.",
    ]
    assert said[3].endswith("there is no option 'path'. Did you mean 'location'?")
    assert said[4].startswith(f"docent: docent.toml: 'c' and 'd' read the same place, {tmp_path}/pages, so each")
    assert len(said) == 5
    assert "c: 4 added" in done.out


def test_a_file_of_sources_that_is_named_must_exist(docent: Docent, tmp_path: Path) -> None:
    for command in ("sync", "documents"):
        done = docent(command, DOCENT_CONFIG="nowhere.toml")
        assert (done.code, done.out) == (2, "")
        assert f"There is no file {tmp_path}/nowhere.toml, which DOCENT_CONFIG names." in done.err


# docent take-over-index


def test_an_index_of_another_database_is_refused_until_it_is_taken_over(
    docent: Docent, database: Database, tmp_path: Path
) -> None:
    assert docent("ingest", "pages").code == 0
    with database.transaction() as transaction:  # as a database has it that was made anew
        transaction.execute(text("UPDATE deployment SET id = gen_random_uuid()"))
    refused = docent("ingest", "pages")
    assert refused.code == 2
    assert "belongs to another deployment" in refused.err
    assert docent("forget", "pages").code == 2
    taken = docent("take-over-index", "--yes")
    assert (taken.code, taken.err) == (0, "")
    assert "belongs to this deployment now" in taken.out
    assert docent("ingest", "pages").code == 0
    assert docent("search", "annual leave").code == 0
