"""Reads the text files of a question from Slack.

Promises to send the bot's token nowhere but to Slack's own hosts, to follow no redirect, and bounded sizes and
times.
"""

import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from typing import IO
from urllib.parse import urlsplit

from agent import observability
from agent.hidden_characters import strip_invisible
from bot.slack.client import BotToken
from bot.slack.reading.enclosures import FileReference

MAX_BYTES = 200_000
TEXT_CHARS = 12_000  # of one file
TIMEOUT_SECONDS = 10
HOSTS = ("slack.com", "slack-files.com", "slack-edge.com")


class FileUnreadable(Exception):
    """A file cannot be read; its text says why, for the log."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: Slack redirects whoever may not read a file to its page for logging in."""

    def redirect_request(  # noqa: PLR0917  as it is called
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


@dataclass(frozen=True)
class FileText:
    """What a file says; ``is_cut`` where it says more."""

    text: str
    is_cut: bool


class SlackFiles:
    """The files of one workspace."""

    def __init__(self, token: BotToken, api_url: str) -> None:
        self._token, self._api = token, urlsplit(api_url)
        self._opener = urllib.request.build_opener(_NoRedirect)

    def read(self, file: FileReference) -> FileText:
        """Returns a text file's text; raises :class:`FileUnreadable`."""
        if not self._is_slacks(file.url):
            raise FileUnreadable("not a file of Slack's")
        request = urllib.request.Request(file.url, headers={"Authorization": f"Bearer {self._token.read()}"})
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                kind = response.headers.get_content_type()
                content = response.read(MAX_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                observability.log.info("file_refused", status=error.code)
            raise FileUnreadable(f"HTTP {error.code}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise FileUnreadable(type(error).__name__) from error
        if kind == "text/html" and not file.name.lower().endswith((".html", ".htm")):
            raise FileUnreadable("a page for logging in")  # what a token without files:read is shown
        return _decode(content)

    def _is_slacks(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        if (parts.scheme, host, port) == (self._api.scheme, self._api.hostname, self._api.port):
            return True
        is_slacks = any(host == known or host.endswith(f".{known}") for known in HOSTS)
        return parts.scheme == "https" and port in (None, 443) and is_slacks


def _decode(content: bytes) -> FileText:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content[: MAX_BYTES // 2 * 2].decode("utf-16", "replace")
    else:
        try:
            text = content[:MAX_BYTES].decode("utf-8-sig", "strict" if len(content) <= MAX_BYTES else "ignore")
        except UnicodeDecodeError:
            text = content[:MAX_BYTES].decode("cp1252", "replace")
    if "\x00" in text:
        raise FileUnreadable("not text")
    text = strip_invisible(text.replace("\r\n", "\n")).strip()
    return FileText(text[:TEXT_CHARS], len(text) > TEXT_CHARS or len(content) > MAX_BYTES)
