"""Files that the app uploads.

Owns the URLs for uploading and the contents. Promises that a file is there once its content came, as long as was
announced, and can be shared once. Does not keep contents past the end of the process: a message of an earlier run
still names its files.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from bot.simulator import limits
from bot.simulator.errors import SlackError
from bot.simulator.payloads import JsonObject


@dataclass
class UploadedFile:
    """A file that was announced; ``content`` is None until it came."""

    id: str
    name: str
    n_bytes: int
    announced_at: float
    content: bytes | None = None
    is_shared: bool = False


class FileStore:
    """Files by id. The server sets `base_url` when it starts; the caller of any method holds the lock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.base_url = ""
        self._clock = clock
        self.by_id: dict[str, UploadedFile] = {}

    def announce(self, name: str, n_bytes: int) -> UploadedFile:
        """Adds a file whose content is still to come."""
        file = UploadedFile(f"F{secrets.token_hex(5).upper()}", name, n_bytes, self._clock())
        self.by_id[file.id] = file
        return file

    def upload_url(self, file: UploadedFile) -> str:
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
        url = f"{self.base_url}/files/{file.id}/{file.name}"
        return {
            "id": file.id,
            "name": file.name,
            "title": title or file.name,
            "filetype": file.name.rpartition(".")[2],
            "size": file.n_bytes,
            "user": user,
            "url_private": url,
            "url_private_download": url,
        }
