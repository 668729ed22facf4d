"""Files: those that people share, and those that the app uploads.

Owns the contents, the URLs for uploading, and Slack's file object. Promises that a file of the app is there once
its content came, as long as was announced, and can be shared once; and an address that needs the app's token, as
`url_private` does. Does not keep contents past the end of the process: a message of an earlier run still names its
files.
"""

import mimetypes
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from bot.simulator import limits
from bot.simulator.errors import SlackError
from bot.simulator.payloads import JsonObject

UNKNOWN_TYPE = "application/octet-stream"


@dataclass
class StoredFile:
    """A file; ``content`` is None until that of an announced one came."""

    id: str
    name: str
    mimetype: str
    n_bytes: int
    announced_at: float
    content: bytes | None = None
    is_shared: bool = False


class FileStore:
    """Files by id. The server sets `base_url` when it starts; the caller of any method holds the lock."""

    def __init__(self, team_id: str, clock: Callable[[], float]) -> None:
        self.base_url = ""
        self._team_id, self._clock = team_id, clock
        self.by_id: dict[str, StoredFile] = {}

    def add(self, name: str, content: bytes, mimetype: str, *, user: str) -> JsonObject:
        """Adds a file that a person shares; returns Slack's file object."""
        file = self._make(name, len(content), mimetype)
        file.content, file.is_shared = content, True
        return self._describe(file, name, user)

    def announce(self, name: str, n_bytes: int) -> StoredFile:
        """Adds a file whose content is still to come."""
        return self._make(name, n_bytes, mimetypes.guess_type(name)[0] or UNKNOWN_TYPE)

    def upload_url(self, file: StoredFile) -> str:
        """Returns where the content is posted to."""
        return f"{self.base_url}/upload/{file.id}"

    def receive(self, file_id: str, content: bytes) -> tuple[int, str]:
        """Takes the content; returns the HTTP status and text of the answer."""
        file = self.by_id.get(file_id)
        if file is None or self._clock() - file.announced_at > limits.UPLOAD_SECONDS:
            return 404, "not found"
        if len(content) != file.n_bytes:
            return 400, "length mismatch"
        file.content = content
        return 200, f"OK - {len(content)}"

    def share(self, file_id: str, title: str, user: str) -> JsonObject:
        """Returns Slack's file object of a file that is now shared; raises `file_not_found`."""
        file = self.by_id.get(file_id)
        if file is None or file.content is None or file.is_shared:
            raise SlackError("file_not_found")
        file.is_shared = True
        return self._describe(file, title or file.name, user)

    def find_content(self, file_id: str) -> tuple[bytes, str] | None:
        """Returns a file's content and type; None where there is no such file, or its content did not come."""
        file = self.by_id.get(file_id)
        return None if file is None or file.content is None else (file.content, file.mimetype)

    def _make(self, name: str, n_bytes: int, mimetype: str) -> StoredFile:
        file = StoredFile(f"F{secrets.token_hex(5).upper()}", name, mimetype, n_bytes, self._clock())
        self.by_id[file.id] = file
        return file

    def _describe(self, file: StoredFile, title: str, user: str) -> JsonObject:
        url = f"{self.base_url}/files-pri/{self._team_id}-{file.id}/{quote(file.name)}"
        kind, is_plain = file.name.rpartition(".")[2], file.mimetype == "text/plain"
        return {
            "id": file.id,
            "name": file.name,
            "title": title,
            "mimetype": file.mimetype,
            "filetype": "text" if is_plain else kind,
            "pretty_type": "Plain Text" if is_plain else kind.upper(),
            "user": user,
            "mode": "snippet" if file.mimetype.startswith("text/") else "hosted",
            "is_external": False,
            "is_public": False,
            "size": file.n_bytes,
            "url_private": url,
            "url_private_download": url.replace("/files-pri/", "/files-pri/download/", 1),
        }
