"""The files that people upload.

Owns their contents and Slack's file object. Promises an address that needs the app's token, as `url_private` does.
Contents are text, and are not archived.
"""

import itertools
from dataclasses import dataclass
from urllib.parse import quote

from bot.simulator.payloads import JsonObject


@dataclass(frozen=True)
class StoredFile:
    """A file with its content."""

    id: str
    name: str
    mimetype: str
    content: str


class FileStore:
    """Files by id. `base_url` is where the server listens."""

    def __init__(self, team_id: str) -> None:
        self._team_id = team_id
        self._numbers = itertools.count(1)
        self.base_url = ""
        self.by_id: dict[str, StoredFile] = {}

    def add(self, user_id: str, name: str, content: str, mimetype: str) -> JsonObject:
        """Stores a file; returns the object that a message shows of it."""
        file = StoredFile(f"F0FILE{next(self._numbers):05}", name, mimetype, content)
        self.by_id[file.id] = file
        url = f"{self.base_url}/files-pri/{self._team_id}-{file.id}/{quote(name)}"
        is_text = mimetype.startswith("text/")
        return {
            "id": file.id,
            "name": name,
            "title": name,
            "mimetype": mimetype,
            "filetype": "text" if is_text else name.rpartition(".")[2],
            "pretty_type": "Plain Text" if is_text else name.rpartition(".")[2].upper(),
            "user": user_id,
            "mode": "snippet" if is_text else "hosted",
            "is_external": False,
            "is_public": False,
            "size": len(content.encode()),
            "url_private": url,
            "url_private_download": url.replace("/files-pri/", "/files-pri/download/", 1),
        }
