"""Readers by pattern: how they are written, which pattern decides, and which source must be told."""

import json
from typing import Any

import pytest
from sqlalchemy import select, update

from agent.errors import UserError
from agent.store.database import Database
from ingest import source_config
from ingest.access.reader_sets import DEFAULT_READERS, one_of
from ingest.sources import connector
from ingest.sync import store
from ingest.sync.store import SyncOrigin
from ingest.tables import SyncRow

HR, ALL, BOARD = one_of({"group:S0HR"}), one_of({"everyone"}), one_of({"channel:C0BOARD"})
TABLE = {"*": ["everyone"], "hr/": "group:S0HR", "/hr/board/**": ["channel:C0BOARD"], "*.pdf": ["group:S0HR"]}


def declared(**options: Any) -> connector.SourceOptions:
    return connector.validate_options({"location": "docs", **options}, where="here")


@pytest.mark.parametrize(
    ("uri", "readers"),
    [
        ("leave.md", ALL),
        ("hr/pay.md", HR),
        ("teams/hr/pay.md", HR),
        ("hr/board/plan.md", BOARD),
        ("teams/hr/board/plan.md", HR),
        ("hr/board/plan.pdf", HR),
        ("chr/pay.md", ALL),
        ("HR/pay.md", ALL),
    ],
)
def test_the_last_pattern_that_matches_decides(uri: str, readers: object) -> None:
    assert declared(readers=TABLE).declaration.readers_of(uri) == readers


def test_what_no_pattern_matches_is_for_everyone() -> None:
    declaration = declared(readers={"hr/": "group:S0HR"}).declaration
    assert declaration.readers_of("leave.md") == DEFAULT_READERS
    assert declaration.find_rule("leave.md") is None
    assert declared().declaration.readers_of("leave.md") == DEFAULT_READERS


@pytest.mark.parametrize(
    ("uri", "readers"),
    [
        ("https://docs.acme.example/handbook/", ALL),
        ("https://docs.acme.example/handbook/leave?page=hr/", ALL),
        ("https://docs.acme.example/handbook/hr/pay", HR),
        ("https://docs.acme.example/handbook/hr/board/plan?x=1", BOARD),
        ("https://docs.acme.example/handbook/h%C3%BCte/pay", BOARD),
    ],
)
def test_a_page_is_matched_by_its_path_below_the_location_and_below_the_host(uri: str, readers: object) -> None:
    table = {"hr/": ["group:S0HR"], "/hr/board/": ["channel:C0BOARD"], "/handbook/hüte/": ["channel:C0BOARD"]}
    options = declared(location="https://docs.acme.example/handbook/", readers=table)
    assert options.declaration.readers_of(uri) == readers


def test_the_order_of_patterns_survives_being_stored(database: Database, tmp_path: Any) -> None:
    """JSON in Postgres sorts the keys of a table; the last pattern must stay the last."""
    file = tmp_path / "docent.toml"
    lines = "".join(f"{json.dumps(pattern)} = {json.dumps(readers)}\n" for pattern, readers in TABLE.items())
    file.write_text(f'[sources.docs]\nlocation = "docs"\n[sources.docs.readers]\n{lines}')
    table = source_config.sources(file)["docs"]
    options = connector.validate_options(table, where="here")
    for stored in (table, options.model_dump(mode="json", exclude_defaults=True)):
        with database.transaction() as transaction:
            transaction.execute(update(SyncRow).values(ended_at=SyncRow.started_at))
        sync_id = store.open_sync(database, "docs", stored, SyncOrigin.CLOCK)
        with database.transaction() as transaction:
            read = transaction.scalar(select(SyncRow.options).where(SyncRow.id == sync_id))
        assert connector.validate_options(read or {}, where="here").declaration.rules == options.declaration.rules
    assert [pattern for pattern, _ in options.declaration.rules] == [*TABLE]


def test_all_mistakes_among_readers_are_told_at_once() -> None:
    table = {"*": ["everyone", "staff"], "!hr/": ["guests"], "#help": ["guests"], "x/": [], "y/": ["a:b", "C1"]}
    with pytest.raises(UserError) as refused:
        connector.validate_options({"location": "x", "readers": table, "colour": "red"}, where="here")
    told = str(refused.value).splitlines()
    assert [line.partition(":")[0] for line in told] == ["here"] * 7
    for part in (
        "readers = 'staff' is not usable: 'staff' does not name a reader. Write everyone, guests, external",
        "'!hr/' matches nothing here. Write a pattern such as hr/ or *.pdf, without # or ! before it",
        "'#help' matches nothing here.",
        'readers of "x/" = [] is not usable: at least one reader is needed',
        "readers of \"y/\" = 'a:b' is not usable: 'a:b' does not name a reader.",
        "readers of \"y/\" = 'C1' is not usable",
        "there is no option 'colour'",
    ):
        assert any(part in line for line in told), part


@pytest.mark.parametrize(
    ("readers", "said"),
    [
        ({}, "at least one pattern is needed"),
        (5, 'write a list such as ["everyone"], or a table of patterns'),
        ([["everyone", "guests"]], "readers"),
        ({"hr/": 5}, 'readers of "hr/" = 5 is not usable'),
        ({"": ["everyone"]}, "'' matches nothing here"),
        ([1], "readers = 1 is not usable"),
    ],
)
def test_what_is_no_list_and_no_table_is_refused(readers: object, said: str) -> None:
    with pytest.raises(UserError, match=r"^here: readers") as refused:
        declared(readers=readers)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("options", "needs_login"),
    [
        ({"location": "docs"}, False),
        ({"location": "https://git.example/x.git"}, False),
        ({"location": "https://git.example/x.git", "token_env": "WIKI_TOKEN"}, True),
        ({"location": "git@git.example:acme/x.git"}, True),
        ({"location": "ssh://git@git.example/x.git"}, True),
        ({"type": "git", "location": "/srv/at@home/x.git"}, False),
        ({"location": "https://docs.acme.example/"}, False),
        ({"location": "https://docs.acme.example/", "authorization_env": "SITE_KEY"}, True),
        ({"location": "slack"}, False),
    ],
)
def test_a_source_that_needs_a_login_must_say_who_may_read_it(options: dict[str, Any], needs_login: bool) -> None:
    for readers in (None, ["everyone"], {"hr/": ["group:S1"]}):
        said = connector.validate_options(options | ({"readers": readers} if readers else {}), where="here")
        if needs_login and readers is None:
            with pytest.raises(UserError, match=r'^here: this source needs a login.*readers = \["everyone"\]'):
                connector.require_readers(said, where="here")
        else:
            connector.require_readers(said, where="here")
