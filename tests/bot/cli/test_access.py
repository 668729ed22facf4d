"""Who may read what, on the command line: 'docent ingest' and 'docent sync' change it and say so, 'docent access
explain' tells it."""

from pathlib import Path

import pytest

from agent.store.database import Database
from tests.command import Docent
from tests.system import ForkServer

ENG = '[sources.pages]\nlocation = "pages"\nreaders = ["channel:C0ENG"]\n'


@pytest.fixture
def docent(zygote: ForkServer, database: Database, database_url: str, tmp_path: Path) -> Docent:
    """Runs ``docent`` in a folder with two pages in ``pages``."""
    (tmp_path / "pages" / "hr").mkdir(parents=True)
    (tmp_path / "pages" / "leave.md").write_text("# Leave\n\nEverybody has 30 days of annual leave.")
    (tmp_path / "pages" / "hr" / "pay.md").write_text("# Pay\n\nEverybody is paid at the end of a month.")
    return Docent(zygote, tmp_path, {"DATABASE_URL": database_url})


def declare(tmp_path: Path, content: str) -> None:
    (tmp_path / "docent.toml").write_text(content)


def finds(docent: Docent, *readers: str) -> bool:
    options = [option for reader in readers for option in ("--as", reader)]
    return "30 days" in docent("search", "annual leave", *options).out


def test_reading_in_again_keeps_the_readers_and_widening_is_said(docent: Docent) -> None:
    assert "2 added" in docent("ingest", "pages", "--reader", "channel:C0ENG").out
    done = docent("ingest", "pages")
    assert "2 unchanged" in done.out
    assert "readers" not in done.out
    assert not finds(docent)
    assert finds(docent, "channel:C0ENG")

    done = docent("ingest", "pages", "--reader", "everyone")
    assert done.out.splitlines()[1] == "  readers of 2 documents widened"
    assert finds(docent)
    done = docent("ingest", "pages", "--reader", "group:S1", "--json")
    assert (done.json["n_narrowed"], done.json["n_widened"], done.json["n_unchanged"]) == (2, 0, 2)
    assert not finds(docent)


def test_what_is_declared_is_read_as_declared_or_refused(docent: Docent, tmp_path: Path) -> None:
    declare(tmp_path, ENG)
    done = docent("ingest", "pages")
    assert (done.code, "'pages' is read as docent.toml declares it." in done.err) == (0, True)
    assert (finds(docent), finds(docent, "channel:C0ENG")) == (False, True)
    for options in (["--reader", "everyone"], ["--exclude", "x"], ["--option", "readers=['everyone']"]):
        done = docent("ingest", "pages", *options)
        assert (done.code, done.out) == (2, "")
        assert "docent.toml declares 'pages', and says how it is read and who may read it." in done.err
    assert not finds(docent)
    done = docent("ingest", "pages", "--name", "copy")
    assert (done.code, "as 'pages', and says who may read it. Say with --reader" in done.err) == (2, True)
    assert docent("ingest", "pages", "--name", "copy", "--reader", "user:U1").code == 0
    assert not finds(docent)


def test_a_declared_change_is_applied_though_nothing_can_be_read(docent: Docent, tmp_path: Path) -> None:
    declare(tmp_path, '[sources.pages]\nlocation = "pages"\n')
    docent("sync")
    declare(tmp_path, f'{ENG}colour = "red"\n')
    assert docent("sync").code == 1
    assert (finds(docent), finds(docent, "channel:C0ENG")) == (False, True)
    declare(tmp_path, ENG.replace("C0ENG", "C0OPS"))
    (tmp_path / "pages").rename(tmp_path / "elsewhere")
    done = docent("sync")
    assert (done.code, "There is no folder" in done.err) == (1, True)
    assert (finds(docent, "channel:C0ENG"), finds(docent, "channel:C0ENG", "channel:C0OPS")) == (False, True)


def test_a_source_that_needs_a_login_is_not_read_before_somebody_says_who_may_read_it(
    docent: Docent, tmp_path: Path
) -> None:
    declare(tmp_path, '[sources.wiki]\nlocation = "https://127.0.0.1:9/wiki.git"\ntoken_env = "WIKI"\n')
    done = docent("sync", WIKI="x")
    assert "docent.toml [sources.wiki]: this source needs a login" in done.err
    assert "docent.toml [sources.wiki]: this source needs a login" in docent("doctor", WIKI="x").out
    done = docent("ingest", "https://127.0.0.1:9/wiki.git", "--name", "x", "--option", "token_env=WIKI", WIKI="x")
    assert (done.code, "--reader everyone" in done.err) == (2, True)


def test_who_may_read_a_document_is_explained(docent: Docent, tmp_path: Path) -> None:
    table = (
        '[sources.pages]\nlocation = "pages"\n[sources.pages.readers]\n"*" = ["everyone"]\n"hr/" = "group:S0HR"\n'
    )
    declare(tmp_path, table)
    pay = tmp_path / "pages" / "hr" / "pay.md"
    pay.write_text(f"---\nreaders: [everyone, guests]\n---\n{pay.read_text()}")
    docent("sync")
    told = docent("access", "explain", "leave.md").out.splitlines()
    assert told[0] == "Leave  (pages: leave.md)"
    assert told[1].strip().startswith("May be read by everyone in the workspace, since 2")
    assert told[2].strip() == "docent.toml [sources.pages] readers says: everyone in the workspace."
    who = "those who are in each of these: everyone in the workspace or guests; and the members of the group S0HR"
    for name in ("pay", "hr/pay.md"):
        told = docent("access", "explain", name, "--as", "user:U1").out.splitlines()
        assert f"May be read by {who}, since 2" in told[1]
        assert told[2:] == [
            '  docent.toml [sources.pages] readers of "hr/" says: the members of the group S0HR.',
            "  Its front matter says: everyone in the workspace or guests, which only narrows the rest.",
            "  everyone + user:U1: may not read it, being none of the members of the group S0HR.",
        ]
    answer = docent("access", "explain", "pay", "--as", "guests", "--as", "group:S0HR", "--json").json[0]
    assert (answer["may_read"], answer["readers"]) == (True, [["everyone", "guests"], ["group:S0HR"]])

    declare(tmp_path, table.replace("S0HR", "S0PAY"))
    (tmp_path / "pages").rename(tmp_path / "elsewhere")
    docent("sync")
    said = docent("access", "explain", "pay").out
    assert (
        "At the last good sync that was: the members of the group S0HR. What is taken away is so already" in said
    )
    said = docent("doctor").out
    assert (
        "problem sources    other readers are declared for 1 document of 'pages' than are in effect: its last"
        in said
    )
    declare(tmp_path, "")
    assert (
        "The command that read 'pages' in said: the members of the group S0HR."
        in docent("access", "explain", "pay").out
    )
    done = docent("access", "explain", "nothing")
    assert (done.code, "There is no document 'nothing'." in done.err) == (2, True)
    done = docent("access", "explain", "pay", "--as", "U1", "--as", "x")
    assert done.err.count("does not name a reader. Write everyone, guests") == 2


def test_a_path_in_brackets_is_told_whole(docent: Docent, tmp_path: Path) -> None:
    (tmp_path / "pages" / "[draft].md").write_text("# A draft\n\nEverybody may comment on it for a week.")
    docent("ingest", "pages")
    assert "(pages: [draft].md)" in docent("access", "explain", "A draft").out


def test_readers_that_a_refused_sync_took_away_stay_away(docent: Docent, tmp_path: Path) -> None:
    more = [tmp_path / "pages" / f"{i}.md" for i in range(10)]
    for i, page in enumerate(more):
        page.write_text(f"# Page {i}\n\nThe page has the number {i}, and nothing else.")
    docent("ingest", "pages")
    for page in more[:8]:
        page.rename(tmp_path / page.name)
    done = docent("ingest", "pages", "--reader", "channel:C0ENG")
    assert "the readers of 12 documents were narrowed already" in done.err
    for page in more[:8]:
        (tmp_path / page.name).rename(page)
    assert docent("ingest", "pages").code == 0
    assert (finds(docent), finds(docent, "channel:C0ENG")) == (False, True)
