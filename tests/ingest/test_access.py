"""Who may read what, and that nobody sees more than the whole audience may."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from agent.store.database import Database
from agent.types import Audience
from ingest import access
from ingest.library import Library
from tests.library import sync_folder

ANNA, BERT = frozenset({"everyone", "user:A", "team:legal"}), frozenset({"everyone", "user:B"})


def readable(database: Database, *members: frozenset[str]) -> list[str]:
    with database.transaction() as transaction:
        return access.readable_access_ids(transaction, Audience(members))


def remember(database: Database, *principals: str) -> str:
    with database.transaction() as transaction:
        return access.store_principals(transaction, principals)


def found(library: Library, audience: Audience) -> set[str]:
    return {passage.title for passage in library.search("salary of the board", audience=audience).passages}


def test_a_set_has_one_id_whatever_its_order() -> None:
    assert access.access_id(["b", "a", "b"]) == access.access_id(["a", "b"])
    assert access.access_id(["a", "b"]) != access.access_id(["a,b"])


def test_a_set_is_readable_when_every_member_is_one_of_it(database: Database) -> None:
    public, both = remember(database, "everyone"), remember(database, "user:A", "user:B")
    legal, bert = remember(database, "team:legal"), remember(database, "user:B")

    assert readable(database, ANNA) == sorted([public, both, legal])
    assert readable(database, BERT) == sorted([public, both, bert])
    assert readable(database, ANNA, BERT) == sorted([public, both])


def test_the_union_of_what_members_may_read_would_be_a_leak(database: Database) -> None:
    """Anna alone may read legal's documents; in a channel with Bert the answer must not use them."""
    remember(database, "team:legal")
    assert readable(database, ANNA, BERT) == []


def test_an_audience_without_members_may_read_nothing(database: Database) -> None:
    remember(database, "everyone")
    assert readable(database) == []


def test_readable_is_exactly_what_every_member_may_read(database: Database) -> None:
    principals = ["everyone", "user:A", "user:B", "team:legal"]
    sets = [{p for p, is_in in zip(principals, bits, strict=True) if is_in} for bits in product([0, 1], repeat=4)]
    ids = {remember(database, *members): members for members in sets if members}
    for audience in ((ANNA,), (BERT,), (ANNA, BERT), (frozenset[str](),)):
        expected = sorted(i for i, readers in ids.items() if all(readers & member for member in audience))
        assert readable(database, *audience) == expected


def test_a_search_finds_only_what_the_whole_audience_may_read(library: Library, tmp_path: Path) -> None:
    for name, readers in (("public", ["everyone"]), ("legal", ["team:legal"]), ("bert", ["user:B"])):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.md").write_text(f"# {name}\n\nThe salary of the board is secret {name}.")
        sync_folder(library, str(tmp_path / name), readers=readers)

    assert found(library, Audience((ANNA,))) == {"public", "legal"}
    assert found(library, Audience((BERT,))) == {"public", "bert"}
    assert found(library, Audience((ANNA, BERT))) == {"public"}
    assert found(library, Audience(())) == set()
    assert found(library, Audience((frozenset({"user:stranger"}),))) == set()
    assert library.read("legal", audience=Audience((BERT,))) == []
    assert library.read("legal", audience=Audience((ANNA,)))[0].title == "legal"


def test_a_right_taken_away_is_gone_for_a_library_already_open(
    open_library: Callable[..., Library], tmp_path: Path
) -> None:
    (tmp_path / "legal").mkdir()
    (tmp_path / "legal" / "board.md").write_text("# Board\n\nThe salary of the board.")
    writer, reader = open_library(), open_library()
    sync_folder(writer, str(tmp_path / "legal"), readers=["everyone"])
    assert found(reader, Audience((BERT,))) == {"Board"}

    report = sync_folder(writer, str(tmp_path / "legal"), readers=["team:legal"])

    assert (report.n_unchanged, report.n_chunks) == (1, 0)  # nothing was embedded again
    assert found(reader, Audience((BERT,))) == set()
    assert found(reader, Audience((ANNA,))) == {"Board"}


@pytest.mark.parametrize("name", ["user:O'Brien", "group:') OR ('1'='1", 'team:"x"'])
def test_quotes_in_a_principal_do_no_harm(library: Library, tmp_path: Path, name: str) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "board.md").write_text("# Board\n\nThe salary of the board.")
    sync_folder(library, str(tmp_path / "d"), source_name=f"of {name}", readers=[name])

    assert found(library, Audience((frozenset({name}),))) == {"Board"}
    assert found(library, Audience((BERT,))) == set()
    assert library.forget(f"of {name}") == 1
