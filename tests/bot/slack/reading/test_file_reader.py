"""Text files are read from Slack's own hosts alone, and whatever they are encoded in."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from bot.slack.client import FixedToken
from bot.slack.reading.enclosures import FileKind, FileReference, read_message
from bot.slack.reading.file_reader import MAX_BYTES, TEXT_CHARS, FileUnreadable, SlackFiles

CONTENT = {
    "utf-8": "für alle".encode(),
    "bom": "für alle".encode("utf-8-sig"),
    "utf-16": "für alle".encode("utf-16"),
    "cp1252": "für alle".encode("cp1252"),
}


class Files(BaseHTTPRequestHandler):
    tokens: ClassVar[list[str | None]] = []

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.tokens.append(self.headers.get("Authorization"))
        name = self.path.strip("/")
        content = CONTENT.get(name, b"x" * (MAX_BYTES + 5) if name == "long" else b"\x00\x01")
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if name == "login" else "text/plain")
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def file(url: str) -> FileReference:
    return FileReference("a.txt", FileKind.TEXT, url)


def test_every_usual_encoding_is_read_and_a_long_file_is_cut(url: str) -> None:
    files = SlackFiles(FixedToken("xoxb-1"), f"{url}/api/")
    assert {files.read(file(f"{url}/{name}")).text for name in CONTENT} == {"für alle"}
    long = files.read(file(f"{url}/long"))
    assert (len(long.text), long.is_cut) == (TEXT_CHARS, True)
    for name in ("binary", "login"):
        with pytest.raises(FileUnreadable):
            files.read(file(f"{url}/{name}"))


@pytest.mark.parametrize(
    "address",
    [
        "{url}/utf-8",  # not where Slack's API is
        "https://files.slack.com.evil.example/a",
        "http://files.slack.com/a",
        "https://files.slack.com:8443/a",
        "https://evilslack.com/a",
        "file:///etc/passwd",
        "https://[::1",
        "",
    ],
)
def test_the_token_is_sent_to_nobody_else(url: str, address: str) -> None:
    Files.tokens.clear()
    with pytest.raises(FileUnreadable, match="not a file of Slack's"):
        SlackFiles(FixedToken("xoxb-1"), "https://slack.com/api/").read(file(address.format(url=url)))
    assert Files.tokens == []


@pytest.mark.parametrize(
    ("shown", "kind", "has_url"),
    [
        ({"mode": "snippet", "filetype": "python"}, FileKind.TEXT, True),
        ({"mimetype": "text/csv"}, FileKind.TEXT, True),
        ({"mimetype": "application/json", "filetype": "json"}, FileKind.TEXT, True),
        ({"mimetype": "image/png"}, FileKind.PICTURE, True),
        ({"mimetype": "audio/mp4", "subtype": "slack_audio"}, FileKind.VOICE, True),
        ({"mimetype": "video/mp4"}, FileKind.VIDEO, True),
        ({"mimetype": "application/pdf", "filetype": "pdf"}, FileKind.OTHER, True),
        ({"mode": "tombstone"}, FileKind.OTHER, False),
        ({"file_access": "check_file_info", "mimetype": "text/plain"}, FileKind.TEXT, False),
    ],
)
def test_slack_says_what_a_file_is(shown: dict[str, str], kind: FileKind, has_url: bool) -> None:
    (read,) = read_message({"files": [{"name": "a", "url_private": "https://files.slack.com/a", **shown}]}).files
    assert (read.kind, bool(read.url)) == (kind, has_url)
