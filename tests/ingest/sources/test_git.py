"""The git source over real repositories: by path, over HTTP through git's own server, and killed in between."""

import base64
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

from agent.errors import UserError
from agent.types import Audience
from ingest.documents.raw import FetchProblem
from ingest.library import Library
from ingest.sources import connector
from ingest.sources.connector import Source
from ingest.sources.gitrepo.mirror import Dates, Mirror

LFS = (
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1\nsize 12\n"
)
TOKEN = "ghp_secret"


class Repository:
    """A work tree of somebody who writes documents, and the bare repository they push to."""

    def __init__(self, folder: Path, branch: str = "main") -> None:
        self.tree = folder / "tree"
        self.bare = folder / "handbook.git"
        self.url = self.bare.as_uri()
        self.n_days = 0
        run("init", "-q", "-b", branch, str(self.tree), cwd=folder)
        run("init", "-q", "--bare", "-b", branch, str(self.bare), cwd=folder)

    def commit(self, **files: str | None) -> None:
        """One commit a day from 2 January 2026 on; ``__`` in a name stands for a slash, None removes."""
        self.n_days += 1
        for name, text in files.items():
            path = self.tree / f"{name.replace('__', '/')}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink() if text is None else path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "Write")
        self.push()

    def push(self) -> None:
        self.git("push", "-q", "--force", "--all", str(self.bare))

    def git(self, *arguments: str) -> str:
        moment = f"2026-01-{self.n_days + 1:02}T12:00:00+0000"
        return run(*arguments, cwd=self.tree, GIT_AUTHOR_DATE=moment, GIT_COMMITTER_DATE=moment)


def run(*arguments: str, cwd: Path, **environment: str) -> str:
    somebody = {
        f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", *arguments],
        cwd=cwd,
        env={**os.environ, **somebody, **environment},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path)
    repository.commit(leave="# Leave\n\nEvery employee has 30 days of annual leave.")
    repository.commit(places__office="# The office\n\nBicycles are parked in the yard.")
    return repository


def opened(repository: Repository | str, home: Path, **options: Any) -> Source:
    location = repository if isinstance(repository, str) else repository.url
    described = connector.validate_options({"type": "git", "location": location, **options}, where="test")
    return connector.open_source(described, home=home)


def listed(source: Source) -> dict[str, str]:
    return {one.uri: one.fingerprint for one in source.list({})}


def day(number: int) -> datetime:
    return datetime(2026, 1, number, 12, tzinfo=UTC)


def test_the_documents_of_the_default_branch_are_listed_and_read(repository: Repository, tmp_path: Path) -> None:
    git = opened(repository, tmp_path)

    assert (git.name, [*listed(git)]) == ("handbook", ["leave.md", "places/office.md"])
    raw = git.fetch("places/office.md")
    assert raw.content == b"# The office\n\nBicycles are parked in the yard."
    assert (raw.format, raw.title, raw.updated_at) == ("markdown", "Office", day(3))
    assert git.fetch("leave.md").updated_at == day(2)


def test_only_what_was_changed_has_another_fingerprint(repository: Repository, tmp_path: Path) -> None:
    git = opened(repository, tmp_path)
    before = listed(git)
    repository.commit(
        leave="31 days", places__office=None, office="# The office\n\nBicycles are parked in the yard."
    )
    after = listed(git)

    assert after.keys() == {"leave.md", "office.md"}
    assert after["leave.md"] != before["leave.md"]
    assert after["office.md"] == before["places/office.md"]  # renamed, and known again
    assert (git.fetch("leave.md").content, git.fetch("leave.md").updated_at) == (b"31 days", day(4))


def test_a_branch_and_a_folder_of_it_are_read_alone(repository: Repository, tmp_path: Path) -> None:
    repository.git("checkout", "-q", "-b", "next/year")
    repository.commit(docs__leave="32 days", docs__old="gone", notes="not below docs")
    git = opened(repository, tmp_path, branch="next/year", folder="/docs/", exclude=["old.md"])

    assert [*listed(git)] == ["leave.md"]
    assert (git.fetch("leave.md").content, git.fetch("leave.md").updated_at) == (b"32 days", day(4))
    assert [*listed(opened(repository, tmp_path))] == ["leave.md", "places/office.md"]


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://github.com/acme/handbook.git", "https://github.com/acme/handbook/blob/main/a%20b/c.md"),
        ("https://github.com/acme/handbook", "https://github.com/acme/handbook/blob/main/a%20b/c.md"),
        ("git@github.com:acme/handbook.git", "https://github.com/acme/handbook/blob/main/a%20b/c.md"),
        ("https://gitlab.acme.example/x/y/z.git", "https://gitlab.acme.example/x/y/z/-/blob/main/a%20b/c.md"),
        ("https://git.acme.example:8443/x.git", "https://git.acme.example:8443/x/blob/main/a%20b/c.md"),
        ("https://bitbucket.org/acme/x.git", "https://bitbucket.org/acme/x/src/main/a%20b/c.md"),
        ("https://codeberg.org/acme/x.git", "https://codeberg.org/acme/x/src/branch/main/a%20b/c.md"),
        ("git@acme.example:x.git", "ssh://acme.example/x/main/a%20b/c.md"),
        ("ssh://git@acme.example:22/x.git", "ssh://acme.example/x/main/a%20b/c.md"),
        ("/srv/x.git", "file:///srv/x.git/main/a%20b/c.md"),
    ],
)
def test_a_document_is_linked_to_where_its_host_shows_it(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str, url: str
) -> None:
    repository.commit(**{"a b__c": "text"})
    monkeypatch.setenv(
        "GIT_CONFIG_COUNT", "1"
    )  # an operator's own settings hold: here, where the address leads to
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{repository.url}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", location)

    urls = {one.uri: one.url for one in opened(location, tmp_path).list({})}
    assert urls["a b/c.md"] == url


def test_a_link_pattern_is_of_paths_within_the_folder(repository: Repository, tmp_path: Path) -> None:
    git = opened(repository, tmp_path, folder="places", link="https://handbook.example/{path}")
    assert [one.url for one in git.list({})] == ["https://handbook.example/office"]


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("https://git.example/x.git", "git"),
        ("https://github.com/acme/handbook", "git"),
        ("git@git.example:acme/x", "git"),
        ("git@git.example:acme/x.git", "git"),
        ("ssh://git.example/x", "git"),
        ("git://git.example/x", "git"),
        ("file:///srv/x.git", "git"),
        ("/srv/x.git", "git"),
        ("./x.git/", "git"),
        ("/srv/documents", "folder"),
        ("C:documents", "folder"),
        ("~/documents", "folder"),
    ],
)
def test_a_location_tells_a_repository_from_a_folder(location: str, kind: str) -> None:
    assert connector.validate_options({"location": location}, where="test").type == kind


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"location": "https://ada:hunter2@git.example/x.git"}, "token_env"),
        ({"location": "https://ghp_hunter2@github.com/acme/x.git"}, "token_env"),
        ({"location": "ssh://git:hunter2@git.example/x.git"}, "token_env"),
        ({"location": "ext::sh -c 'echo hunter2'", "type": "git"}, "an address such as"),
        ({"location": "ftp://git.example/x.git"}, "an address such as"),
        ({"location": "/x.git", "branch": "--upload-pack=x"}, "not a valid name of a branch"),
        ({"location": "/x.git", "branch": "a:b"}, "not a valid name of a branch"),
        ({"location": "/x.git", "folder": "docs/../.."}, "folder of the repository"),
    ],
)
def test_options_that_would_show_a_password_or_do_no_good_are_refused(options: dict[str, str], says: str) -> None:
    with pytest.raises(UserError) as refused:
        connector.validate_options(options, where="test")
    assert says in str(refused.value)
    assert "@git" not in str(refused.value)


def test_what_is_no_document_is_left_out_and_what_cannot_be_one_says_why(
    repository: Repository, tmp_path: Path
) -> None:
    tree = repository.tree
    (tree / "link.md").symlink_to("/etc/passwd")
    (tree / ".hidden").mkdir()
    (tree / ".hidden" / "notes.md").write_text("hidden")
    (tree / "code.py").write_text("code")
    (tree / "letter.doc").write_bytes(b"an older Word document")
    (tree / "large.pdf").write_text(LFS)
    (tree / "huge.txt").write_bytes(b"words " * 1_000_000)
    os.makedirs(os.fsencode(tree) + b"/caf\xe9")
    Path(os.fsdecode(os.fsencode(tree) + b"/caf\xe9/menu.md")).write_text("Coffee.")
    commit = repository.git("rev-parse", "HEAD").strip()
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},module.md")
    (tree / ".gitmodules").write_text(f'[submodule "module.md"]\n\tpath = module.md\n\turl = {repository.url}\n')
    repository.commit()
    git = opened(repository, tmp_path)

    new = listed(git).keys() - {"leave.md", "places/office.md"}
    assert new == {"large.pdf", "huge.txt", "letter.doc", "caf\\xe9/menu.md"}
    assert git.fetch("caf\\xe9/menu.md").content == b"Coffee."
    assert git.fetch("caf\\xe9/menu.md").updated_at == day(4)
    with pytest.raises(FetchProblem, match="pointer to a file in Git LFS"):
        git.fetch("large.pdf")
    with pytest.raises(FetchProblem, match="larger than 5 MB"):
        git.fetch("huge.txt")
    with pytest.raises(FetchProblem, match="unsupported type"):
        git.fetch("letter.doc")
    for uri in ("nowhere.md", "link.md", "../../../etc/x.md", "module.md/leave.md"):
        with pytest.raises(FetchProblem, match="no longer in the repository") as gone:
            git.fetch(uri)
        assert gone.value.may_pass


def test_dates_are_those_of_the_last_change_however_far_back_and_across_merges(
    repository: Repository, tmp_path: Path
) -> None:
    for number in range(3, 6):
        repository.commit(other=f"version {number}")
    repository.git("checkout", "-q", "-b", "side", "HEAD~4")
    repository.commit(side="from the side", leave="side")  # the seventh day
    repository.git("checkout", "-q", "main")
    repository.commit(leave="main")  # the eighth
    repository.n_days += 1
    repository.git("merge", "-q", "-s", "ours", "--no-commit", "side")
    repository.git("checkout", "side", "--", "side.md")
    repository.commit(leave="both")  # the merge itself: the tenth commit
    mirror = Mirror(tmp_path / "place", repository.url, timeout_seconds=60)
    dates = Dates(mirror, mirror.update().commit, "", portions=[1, 2, -1])

    assert dates.of("leave.md") == day(repository.n_days + 1)
    assert dates.of("side.md") == day(7)
    assert dates.of("other.md") == day(6)
    assert dates.of("places/office.md") == day(3)
    assert dates.of("nowhere.md") is None
    again = Dates(mirror, mirror.update().commit, "")
    shutil.rmtree(tmp_path / "place" / "mirror.git")
    shutil.rmtree(repository.bare)
    assert again.of("places/office.md") == day(3)  # kept
    assert Dates(mirror, "another", "").of("places/office.md") is None  # and no reason to give a document up


def test_a_date_beyond_all_calendars_costs_no_document(repository: Repository, tmp_path: Path) -> None:
    somebody = {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b.example"}
    date = {"GIT_COMMITTER_DATE": "@99999999999999 +0000"}
    run("commit", "-q", "--amend", "--no-edit", cwd=repository.tree, **somebody, **date)
    repository.push()
    git = opened(repository, tmp_path)
    for uri in listed(git):
        assert git.fetch(uri).content


def test_history_that_was_rewritten_and_a_default_branch_that_was_renamed_are_followed(
    repository: Repository, tmp_path: Path
) -> None:
    git = opened(repository, tmp_path)
    listed(git)
    repository.git("checkout", "-q", "--orphan", "trunk")
    repository.git("rm", "-rq", "-f", ".")
    repository.commit(new="a new beginning")
    run("symbolic-ref", "HEAD", "refs/heads/trunk", cwd=repository.bare)

    assert [one.url for one in git.list({})] == [f"{repository.url}/trunk/new.md"]
    assert git.fetch("new.md").content == b"a new beginning"
    repository.git("commit", "-q", "--amend", "-m", "Again")
    (repository.tree / "new.md").write_text("begun again")
    repository.git("commit", "-q", "-a", "--amend", "-m", "Again")
    repository.push()
    assert [*listed(opened(repository, tmp_path))] == ["new.md"]
    assert opened(repository, tmp_path).fetch("new.md").content == b"begun again"


def test_another_process_reads_a_document_that_this_one_listed(repository: Repository, tmp_path: Path) -> None:
    listed(opened(repository, tmp_path / "here"))
    repository.commit(leave="31 days")
    listed(opened(repository, tmp_path / "there"))

    # One has a mirror that is behind, the other none.
    for home in ("here", "elsewhere"):
        raw = opened(repository, tmp_path / home).fetch("leave.md")
        assert (raw.content, raw.updated_at) == (b"31 days", day(4))


def _damage_the_head(mirror: Path) -> None:
    (mirror / "HEAD").unlink()


def _damage_the_branch(mirror: Path) -> None:
    (mirror / "refs" / "heads" / "docent").write_text("nonsense\n")


def _damage_the_objects(mirror: Path) -> None:
    for path in [*mirror.glob("objects/??/*"), *mirror.glob("objects/pack/*")]:
        path.chmod(0o644)
        path.write_bytes(b"nonsense")


def _lose_the_objects(mirror: Path) -> None:
    shutil.rmtree(mirror / "objects")
    (mirror / "objects").mkdir()


def _leave_a_lock(mirror: Path) -> None:
    (mirror / "refs" / "heads" / "docent.lock").touch()


def _make_half(mirror: Path) -> None:
    shutil.rmtree(mirror)
    (mirror / "objects" / "pack").mkdir(parents=True)
    (mirror / "objects" / "pack" / "tmp_pack_x").write_bytes(b"PACK")


@pytest.mark.parametrize(
    "damage",
    [_damage_the_head, _damage_the_branch, _damage_the_objects, _lose_the_objects, _leave_a_lock, _make_half],
)
@pytest.mark.parametrize("is_behind", [False, True])
def test_a_damaged_mirror_is_made_anew(
    repository: Repository, tmp_path: Path, damage: Callable[[Path], None], is_behind: bool
) -> None:
    listed(opened(repository, tmp_path))
    [mirror] = tmp_path.glob("sources/*/mirror.git")
    damage(mirror)
    if is_behind:
        repository.commit(leave="31 days")

    git = opened(repository, tmp_path)
    assert [*listed(git)] == ["leave.md", "places/office.md"]
    assert (b"31 days" if is_behind else b"30 days") in git.fetch("leave.md").content
    assert git.fetch("places/office.md").updated_at == day(3)


def test_a_mirror_damaged_between_listing_and_reading_is_made_anew(repository: Repository, tmp_path: Path) -> None:
    git = opened(repository, tmp_path)
    listed(git)
    _damage_the_objects(next(tmp_path.glob("sources/*/mirror.git")))

    assert b"30 days" in git.fetch("leave.md").content
    assert git.fetch("leave.md").updated_at == day(2)


def _read_everything(url: str, home: Path) -> list[bytes]:
    git = opened(url, home)
    return [git.fetch(uri).content for uri in listed(git)]


def test_processes_that_read_at_once_share_a_mirror(repository: Repository, tmp_path: Path) -> None:
    repository.commit(**{f"page{n}": f"Page {n}." for n in range(20)})
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        readings = [pool.submit(_read_everything, repository.url, tmp_path) for _ in range(6)]
        assert {len(reading.result()) for reading in readings} == {22}
    assert len([*tmp_path.glob("sources/*/mirror.git")]) == 1


class Served:
    """A repository behind HTTP, by ``git http-backend``; with ``token``, for who sends it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.token = ""
        self.authorizations: list[str] = []
        self.url = ""
        self.moved_to = ""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        given = environ.get("HTTP_AUTHORIZATION", "")
        self.authorizations.append(given)
        if self.moved_to:
            path = environ["PATH_INFO"].partition(".git")[2]
            start_response("301 Moved", [("Location", f"{self.moved_to}{path}?{environ['QUERY_STRING']}")])
            return []
        wanted = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        if self.token and given != f"Basic {wanted}":
            start_response("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="git"')])
            return [b"no"]
        cgi = {name: value for name, value in environ.items() if isinstance(value, str)}
        cgi |= {"GIT_PROJECT_ROOT": str(self._root), "GIT_HTTP_EXPORT_ALL": "1"}
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        done = subprocess.run(["git", "http-backend"], input=body, env=cgi, capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        start_response(headers.pop("Status", "200 OK"), [*headers.items()])
        return [content]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None: ...


@contextmanager
def serving(repository: Repository) -> Iterator[Served]:
    served = Served(repository.bare.parent)
    with make_server("127.0.0.1", 0, served, WSGIServer, Quiet) as server:
        served.url = f"http://127.0.0.1:{server.server_port}/handbook.git"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def served(repository: Repository) -> Iterator[Served]:
    with serving(repository) as served:
        yield served


def test_a_private_repository_is_read_with_a_token_that_stands_nowhere(
    repository: Repository, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.token = TOKEN
    monkeypatch.setenv("HANDBOOK_TOKEN", TOKEN)
    git = opened(served.url, tmp_path / "home", token_env="HANDBOOK_TOKEN")

    assert [*listed(git)] == ["leave.md", "places/office.md"]
    encoded = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    assert set(served.authorizations) == {"", f"Basic {encoded}"}
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert kept
    assert not any(TOKEN.encode() in path.read_bytes() for path in kept)
    assert not any(encoded.encode() in path.read_bytes() for path in kept)


def test_a_token_does_not_follow_a_repository_to_another_host(
    repository: Repository, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDBOOK_TOKEN", TOKEN)
    with serving(repository) as elsewhere:
        served.moved_to = elsewhere.url
        assert "leave.md" in listed(opened(served.url, tmp_path, token_env="HANDBOOK_TOKEN"))
        elsewhere.token = TOKEN
        with pytest.raises(UserError, match="access is denied"):
            listed(opened(served.url, tmp_path, token_env="HANDBOOK_TOKEN"))
        assert set(elsewhere.authorizations) == {""}


def test_a_token_that_is_wrong_or_missing_is_told_and_not_shown(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.token = TOKEN
    with pytest.raises(UserError, match=r"access is denied.*token_env"):
        listed(opened(served.url, tmp_path))
    monkeypatch.setenv("HANDBOOK_TOKEN", "ghp_outdated")
    with pytest.raises(UserError, match="access is denied") as refused:
        listed(opened(served.url, tmp_path, token_env="HANDBOOK_TOKEN"))
    assert "ghp_" not in str(refused.value)
    with pytest.raises(UserError, match="NO_TOKEN is not set"):
        opened(served.url, tmp_path, token_env="NO_TOKEN")
    with pytest.raises(UserError, match="over https only"):
        opened("http://git.example/x.git", tmp_path, token_env="HANDBOOK_TOKEN")


def test_what_is_wrong_with_a_repository_is_said_with_what_to_do(
    repository: Repository, served: Served, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"There is no repository .*nothing\.git, or it is private"):
        listed(opened(served.url.replace("handbook", "nothing"), tmp_path))
    with pytest.raises(UserError, match="There is no repository"):
        listed(opened(served.url.replace("handbook", "certificate"), tmp_path))
    with pytest.raises(UserError, match="There is no repository"):
        listed(opened("/nowhere.git", tmp_path))
    with pytest.raises(UserError, match="There is no repository"):
        listed(opened("--upload-pack=x.git", tmp_path))
    with pytest.raises(UserError, match="has no branch 'nowhere'"):
        listed(opened(repository, tmp_path, branch="nowhere"))
    with pytest.raises(UserError, match="no folder 'nowhere' on branch 'main'"):
        listed(opened(repository, tmp_path, folder="nowhere"))
    with pytest.raises(UserError, match=r"cannot be reached.*Check the address"):
        listed(opened("http://127.0.0.1:1/x.git", tmp_path))
    with pytest.raises(UserError, match="needs a location"):
        opened("", tmp_path)
    run("init", "-q", "--bare", "empty.git", cwd=tmp_path)
    with pytest.raises(UserError, match="has no commit yet"):
        listed(opened(str(tmp_path / "empty.git"), tmp_path))


def test_ssh_is_the_operators_own_and_what_it_refuses_is_said(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nfor command; do :; done\nexec sh -c "$command"\n')  # the last argument is for there
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    git = opened(f"git@git.example:{repository.bare}", tmp_path / "home")
    assert [*listed(git)] == ["leave.md", "places/office.md"]

    for said, told in {
        "git@git.example: Permission denied (publickey).": r"access is denied.*give Docent's user a key",
        "Host key verification failed.": r"ssh key is not known here.*Run 'ssh' to that host once",
    }.items():
        ssh.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 255\n")
        with pytest.raises(UserError, match=told):
            listed(git)


def test_a_mirror_outlives_a_repository_that_cannot_be_reached(repository: Repository, tmp_path: Path) -> None:
    git = opened(repository, tmp_path)
    listed(git)
    away = repository.bare.rename(tmp_path / "away")

    with pytest.raises(UserError, match="There is no repository"):
        listed(git)
    assert b"30 days" in git.fetch("leave.md").content
    with pytest.raises(FetchProblem) as problem:
        opened(repository, tmp_path).fetch("leave.md")
    assert problem.value.may_pass
    assert "token_env" in problem.value.advice
    away.rename(repository.bare)
    assert "leave.md" in listed(git)


def test_without_git_the_error_says_what_to_install(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="git is not installed"):
        listed(opened(repository, tmp_path))


def test_a_server_that_never_answers_is_left_after_the_timeout(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.git"
        with pytest.raises(UserError, match="did not finish within 1 s"):
            listed(opened(url, tmp_path, timeout="1s"))


def test_a_clone_that_is_killed_is_begun_again(repository: Repository, tmp_path: Path) -> None:
    reached, may_go_on = tmp_path / "reached", tmp_path / "go-on"
    pack = f"touch {reached}; while [ ! -e {may_go_on} ]; do sleep 0.01; done; exec git-upload-pack"
    wrapper = tmp_path / "upload-pack"
    wrapper.write_text(
        f'#!/bin/sh\nif [ -d {tmp_path}/sources ]; then {pack} "$@"; fi\nexec git-upload-pack "$@"\n'
    )
    wrapper.chmod(0o755)
    context = get_context("spawn")
    killed = context.Process(target=_list_through, args=(repository.url, tmp_path, str(wrapper)))
    killed.start()
    while not reached.exists():
        killed.join(0.01)
        assert killed.is_alive()
    assert killed.pid
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    may_go_on.touch()

    assert [*listed(opened(repository, tmp_path))] == ["leave.md", "places/office.md"]


def _list_through(url: str, home: Path, upload_pack: str) -> None:
    os.environ |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "remote.x.uploadpack",
        "GIT_CONFIG_VALUE_0": upload_pack,
    }
    os.environ |= {"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_1": "remote.x.url", "GIT_CONFIG_VALUE_1": url}
    Mirror(home / "sources" / "x", "x", timeout_seconds=60).update()


def test_a_process_inside_a_repositorys_hook_reads_its_own_mirror(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", "nowhere")
    assert [*listed(opened(repository, tmp_path))] == ["leave.md", "places/office.md"]


def test_a_repository_is_synced_and_found(repository: Repository, library: Library, tmp_path: Path) -> None:
    git = opened(repository, tmp_path, link="https://handbook.example/{path}")
    library.sync(git)
    repository.commit(leave="# Leave\n\nEvery employee has 31 days of annual leave.")
    report = library.sync(git)

    assert (report.n_added, report.n_changed, report.n_unchanged) == (0, 1, 1)
    best = library.search("days of annual leave", audience=Audience()).passages[0]
    assert "31 days" in best.text
    assert best.url == "https://handbook.example/leave"
