"""Who may read what, and that nobody sees more than the whole audience may."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from agent.store.database import Database
from agent.types import Audience
from ingest.access import reader_sets
from ingest.access.reader_sets import access_id, one_of
from ingest.library import Library
from tests.library import sync_folder

ANNA, BERT = frozenset({"everyone", "user:A", "team:legal"}), frozenset({"everyone", "user:B"})


def readable(database: Database, *members: frozenset[str]) -> list[str]:
    with database.transaction() as transaction:
        return reader_sets.readable_access_ids(transaction, Audience(members))


def remember(database: Database, *principals: str) -> str:
    with database.transaction() as transaction:
        return reader_sets.store_readers(transaction, reader_sets.one_of(principals))


def found(library: Library, audience: Audience) -> set[str]:
    return {passage.title for passage in library.search("salary of the board", audience=audience).passages}


def test_a_set_has_one_id_whatever_its_order() -> None:
    assert access_id(one_of(["b", "a", "b"])) == access_id(one_of(["a", "b"]))
    assert access_id(one_of(["a", "b"])) != access_id(one_of(["a,b"]))
    assert access_id(one_of(["a", "b"])) != access_id(one_of(["a"]) | one_of(["b"]))


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


GROUP, EVERYONE_OR_GUEST = one_of(["group:S1"]), one_of(["everyone", "guests"])


def test_whoever_reads_what_was_narrowed_is_one_of_each_set(database: Database) -> None:
    both = reader_sets.narrow(EVERYONE_OR_GUEST, GROUP)
    with database.transaction() as transaction:
        id_ = reader_sets.store_readers(transaction, both)
        assert reader_sets.load_readers(transaction, [id_]) == {id_: both}
        for member, reads in (
            ({"everyone"}, []),
            ({"group:S1"}, []),
            ({"group:S1", "guests"}, [id_]),
            ({"group:S1", "everyone", "user:U1"}, [id_]),
        ):
            assert reader_sets.readable_access_ids(transaction, Audience((frozenset(member),))) == reads


def test_narrowing_leaves_out_what_says_nothing() -> None:
    assert reader_sets.narrow(GROUP, GROUP) == GROUP
    assert reader_sets.narrow(EVERYONE_OR_GUEST, one_of(["everyone"])) == one_of(["everyone"])
    assert reader_sets.narrow(reader_sets.NOBODY, GROUP) == reader_sets.NOBODY
    assert reader_sets.is_narrower(reader_sets.narrow(GROUP, EVERYONE_OR_GUEST), GROUP)
    assert not reader_sets.is_narrower(GROUP, reader_sets.narrow(GROUP, EVERYONE_OR_GUEST))
    assert reader_sets.is_narrower(reader_sets.NOBODY, GROUP)


def test_what_is_remembered_is_read_again_when_there_are_new_ones(database: Database) -> None:
    sets = reader_sets.ReaderSets()
    audience = Audience((frozenset({"group:S1"}),))
    with database.transaction() as transaction:
        sets.update(transaction)
        assert sets.readable(audience) == ()
        id_ = reader_sets.store_readers(transaction, GROUP)
        assert sets.readable(audience) == ()
        sets.update(transaction)
        assert sets.readable(audience) == (id_,)
        assert sets.readable(Audience(())) == ()
        assert sets.principals() == {"group:S1"}
