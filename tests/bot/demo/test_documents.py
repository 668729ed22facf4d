"""The demo's documents as pages: only those of the folder, and nothing in them runs."""

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from bot.demo import documents
from bot.simulator import Workspace, WorkspaceServer
from tests.system import HANDBOOK


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "our documents"
    folder.mkdir()
    for name, content in HANDBOOK.items():
        (folder / name).write_text(content)
    return folder


def test_documents_are_served_from_their_folder_only(docs: Path) -> None:
    (docs / "policy.pdf").write_bytes(b"%PDF-1.4")
    (docs / "evil.md").write_text("# Evil\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))")
    (docs.parent / "outside.md").write_text("secret")
    (docs / ".git").mkdir()
    (docs / ".git" / "config").write_text("[remote]\nurl = https://token@git.example")
    (docs / "link.md").symlink_to(docs.parent / "outside.md")
    with WorkspaceServer(Workspace(), routes=documents.routes(docs)) as server:
        assert _status(f"{server.url}/docs/leave") == (200, "text/html; charset=utf-8")
        assert _status(f"{server.url}/docs/leave.md") == (200, "text/html; charset=utf-8")
        assert _status(f"{server.url}/docs/policy") == (200, "application/pdf")
        for path in (
            "nothing",
            "link",
            ".git/config",
            ".git%2Fconfig",
            "a/../.git/config",
            "..%2Foutside",
            "%2E%2E/outside.md",
            "",
        ):
            assert _status(f"{server.url}/docs/{path}")[0] == 404
        assert _status(f"{server.url}/docs/leave", {"Host": "evil.example"})[0] == 403
        evil = urllib.request.urlopen(f"{server.url}/docs/evil", timeout=120).read()
    assert b"<script>" not in evil
    assert b'href="javascript' not in evil


def _status(url: str, headers: dict[str, str] | None = None) -> tuple[int, str | None]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=120) as response:
            return response.status, response.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"]
