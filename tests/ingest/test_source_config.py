"""docent.toml, what may be said of a source, and how long things last: tables of good and bad input."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UserError
from ingest import durations, source_config
from ingest.library import Library
from ingest.sources import connector
from tests.ingest.conftest import opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "docent.toml"


@pytest.mark.parametrize(
    ("given", "seconds", "written"),
    [
        ("90s", 90, "90s"),
        ("15m", 900, "15m"),
        (" 6 H ", 21_600, "6h"),
        ("7d", 604_800, "1w"),
        ("2w", 1_209_600, "2w"),
        ("never", 0, "never"),
        ("Never", 0, "never"),
        ("0s", 0, "never"),
    ],
)
def test_a_duration_is_written_as_people_say_it(given: str, seconds: int, written: str) -> None:
    read = durations.duration(given)
    assert read == timedelta(seconds=seconds)
    assert durations.to_text(read) == written
    assert durations.duration(written) == read


@pytest.mark.parametrize("given", ["", "soon", "1", "1y", "-1h", "1h30m", "1.5h", "9999999s", 60, 1.5, True, None])
def test_what_is_no_duration_is_refused_and_a_bare_number_is_none(given: object) -> None:
    with pytest.raises(ValueError, match="90s, 15m, 6h, 7d, 2w, or never"):
        durations.duration(given)
    assert source_config.sync_interval({"every": given}) is None


def test_a_source_is_synced_every_hour_unless_it_says_otherwise() -> None:
    assert source_config.sync_interval({}) == timedelta(hours=1)
    assert source_config.sync_interval({"every": "5m"}) == timedelta(minutes=5)
    assert source_config.sync_interval({"every": "2w"}) == timedelta(weeks=2)
    assert source_config.sync_interval({"every": "never"}) is None


def test_sources_are_read_in_their_order_with_folders_as_seen_from_the_file(file: Path, tmp_path: Path) -> None:
    file.write_text(
        """
        [sources.wiki]
        location = "docs/wiki"
        [sources."The handbook"]
        location = "/srv/handbook"
        [sources.at]
        type = "folder"
        location = "me@work"
        [sources.home]
        location = "~/notes"
        [sources.site]
        location = "https://handbook.example/"
        [sources.code]
        location = "git@git.example:a/b.git"
        [sources.chat]
        location = "slack"
        [sources.dated]
        type = "slack"
        day = 2026-01-31
        """
    )
    found = source_config.sources(file)
    assert {name: one.get("location") for name, one in found.items()} == {
        "wiki": str(tmp_path / "docs/wiki"),
        "The handbook": "/srv/handbook",
        "at": str(tmp_path / "me@work"),
        "home": os.path.expanduser("~/notes"),
        "site": "https://handbook.example/",
        "code": "git@git.example:a/b.git",
        "chat": "slack",
        "dated": None,
    }
    assert found["dated"]["day"] == "2026-01-31"
    assert found["wiki"]["name"] == "wiki"
    json.dumps(found)  # a sync keeps them


def test_no_file_declares_no_source(file: Path) -> None:
    assert source_config.sources(file) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[sources", "cannot be read: "),
        (b"[sources.a]\n[sources.a]", "cannot be read: "),
        (b"\xff", "cannot be read: "),
        (b"[source.a]\nlocation='x'", "nothing called 'source'. Sources are tables: [sources.NAME]"),
        (b"sources = 1", "a source is a table, such as: sources.handbook.location = "),
        (b"[sources]\nhandbook = 'x'", "a source is a table"),
        (b"[sources.a]\nrate = nan", "nan and inf are no values"),
        (b'[sources.a]\nlocation = "a\\u0000"', "the character NUL"),
        (b'[sources." "]\nlocation = "x"', "a source has no name"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    with pytest.raises(UserError) as refused:
        source_config.sources(file)
    assert str(refused.value).startswith(str(file))
    assert said in str(refused.value)


def test_a_folder_in_the_file_s_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Is a directory"):
        source_config.sources(tmp_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"location": ""}, "give a location (a folder, an address) or a type (folder, git, slack, website)"),
        ({"type": "wiki"}, "there is no source type 'wiki'. There are: folder, git, slack, website."),
        ({"type": "foldr", "location": "x"}, "there is no source type 'foldr'. Did you mean 'folder'?"),
        ({"locatoin": "x"}, "there is no option 'locatoin'. Did you mean 'location'?"),
        ({"Location": "x"}, "there is no option 'Location'. Did you mean 'location'?"),
        ({"location": "x", "branch": "main"}, "'branch' is an option of the type git only."),
        ({"location": "x", "colour": "red"}, "there is no option 'colour'"),
        (
            {"location": "x", "every": "soon"},
            "every = 'soon' is not usable: write it as 90s, 15m, 6h, 7d, 2w, or never",
        ),
        ({"location": "x", "every": 60}, "every = 60 is not usable: write it as 90s"),
        (
            {"location": "x", "link": "https://x.example/"},
            "link = 'https://x.example/' is not usable: it lacks {path}",
        ),
        ({"location": "x", "readers": []}, "at least one reader is needed"),
        (
            {"location": "x", "readers": ["team"]},
            "'team' does not name a reader. Write everyone, guests, external",
        ),
        ({"location": "x", "include": ["a", "!"]}, "'!' is not a pattern as in a .gitignore"),
        ({"location": "x", "include": 5}, "include = 5 is not usable"),
        ({"location": 5}, "location = 5 is not usable"),
        ({"location": "x", "name": "a\nb"}, "a name has up to 100 characters, on one line"),
        ({"location": "x", "name": "a" * 101}, "a name has up to 100 characters"),
    ],
)
def test_a_wrong_option_is_named_with_what_to_write(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as refused:
        connector.validate_options(given, where="docent.toml [sources.x]")
    assert str(refused.value).startswith("docent.toml [sources.x]: ")
    assert said in str(refused.value)


def test_all_problems_of_a_source_are_told_at_once() -> None:
    with pytest.raises(UserError) as refused:
        connector.validate_options({"location": "x", "every": 1, "colour": "red", "link": "x"}, where="here")
    assert len(str(refused.value).splitlines()) == 3
    with pytest.raises(UserError) as refused:
        connector.validate_options({"path": "x", "colour": "red"}, where="here")
    assert str(refused.value).splitlines()[1:] == [
        "here: there is no option 'path'. Did you mean 'location'?",
        "here: there is no option 'colour'.",
    ]


@pytest.mark.parametrize(
    ("tables", "n_said"),
    [
        ({"a": {"location": "/docs"}, "b": {"location": "/docs/sub"}}, 1),
        ({"a": {"location": "/docs", "exclude": ["drafts/"]}, "b": {"location": "/docs/sub"}}, 1),
        ({"a": {"location": "/docs", "exclude": ["sub/"]}, "b": {"location": "/docs/sub"}}, 0),
        ({"a": {"location": "/docs", "include": "*.md"}, "b": {"location": "/docs/sub"}}, 0),
        ({"a": {"location": "https://h.example/x.git"}, "b": {"location": "https://h.example/x"}}, 1),
        ({"a": {"type": "slack", "channels": ["C1"]}, "b": {"type": "slack", "channels": ["C2"]}}, 0),
        ({"a": {"location": "slack", "channels": ["C1"]}, "b": {"location": "slack", "channels": ["C2"]}}, 0),
    ],
)
def test_sources_that_read_the_same_documents_are_named(tables: dict[str, dict[str, object]], n_said: int) -> None:
    assert len(source_config.find_overlaps(tables)) == n_said


def test_a_mark_that_an_editor_puts_first_is_no_mistake(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf[sources.a]\nlocation = 'x'\n")
    assert [*source_config.sources(file)] == ["a"]


def test_one_pattern_or_reader_needs_no_brackets() -> None:
    options = connector.validate_options(
        {"location": "x", "include": "*.md", "readers": "channel:C1"}, where="here"
    )
    assert (options.include, options.readers) == (("*.md",), {"*": ("channel:C1",)})
    assert options.takes("a/b.md")
    assert not options.takes("a/b.txt")


def test_options_survive_being_stored() -> None:
    given = {"location": "/x", "name": "x", "every": "15m", "exclude": ["drafts/**"], "readers": ["team:T1"]}
    options = connector.validate_options(given, where="here")
    stored = json.loads(json.dumps(options.model_dump(mode="json", exclude_defaults=True)))
    assert connector.validate_options(stored, where="here") == options


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"location": "https://joe:hunter2@acme.example/"}, "location is not usable: write it as https://"),
        ({"location": "https://acme.example/", "sitemap": "ftp://joe:hunter2@acme.example/"}, "sitemap"),
        ({"location": "https://acme.example/", "authorization_env": "Bearer hunter2"}, "not the secret itself"),
        ({"location": "https://acme.example/wiki.git", "token_env": "ghp_hunter2"}, "such as WIKI_TOKEN"),
        ({"location": "slack", "token_env": "xoxb-hunter2"}, "such as WIKI_TOKEN"),
    ],
)
def test_a_secret_that_was_put_in_the_wrong_place_is_not_repeated(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        connector.validate_options(given, where="here")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "pair", [("a/b", "a_b"), ("a b", "a_b"), (".", ".."), ("é/é", "é é"), ("x" * 100, "x" * 99), ("", "x")]
)
def test_what_two_sources_keep_lies_apart_and_below_home(pair: tuple[str, str], tmp_path: Path) -> None:
    places = [connector.cache_folder(tmp_path, name) for name in pair]
    assert len(set(places)) == 2
    assert all(place.resolve().parent == (tmp_path / "sources").resolve() for place in places)


def test_only_included_files_are_read_and_excluded_ones_are_not(library: Library, folder: Path) -> None:
    (folder / "places" / "draft.md").write_text("# Draft\n\nNothing yet.")
    report = library.sync(opened(folder, include=["places/"], exclude=["draft.*"]))
    assert report.n_added == 1
    assert library.sync(opened(folder, exclude=["draft.*"])).n_added == 1
