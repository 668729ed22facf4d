"""What a question comes with: a quoted message, forwarded messages, files. Read from events.

Promises to raise nothing, whatever Slack sends, and bounded sizes. Fetches nothing: :mod:`.question_reader` does.
"""

import re
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from agent import secrets
from agent.text import shorten
from bot.slack.reading import permalinks, rich_text
from bot.slack.reading.foreign_json import JsonMap, list_objects, to_object, to_string, to_ts
from ingest import slack_markup

MAX_MESSAGES, MAX_FILES = 5, 10
TEXT_CHARS = 6_000  # of one message
NAME_CHARS = 120
URL_CHARS = 2_000
# Of Slack's file types, those whose media type is not text/…
TEXT_TYPES = frozenset(["csv", "javascript", "json", "log", "markdown", "shell", "sql", "text", "toml", "yaml"])
_CHANNEL = re.compile(r"[CDG][A-Z0-9]{1,30}")


class FileKind(StrEnum):
    """What a file is to a reader of text."""

    TEXT = "text"
    PICTURE = "picture"
    VOICE = "voice clip"
    VIDEO = "video"
    OTHER = "file"


@dataclass(frozen=True)
class QuotedMessage:
    """A message that is asked about. Its ``text`` is empty where it has to be looked up."""

    channel: str
    ts: str
    text: str = ""
    user: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Returns what tells it from other messages."""
        return self.channel, self.ts


@dataclass(frozen=True)
class FileReference:
    """A file of the question; ``url`` is empty where Slack gives none."""

    name: str
    kind: FileKind
    url: str = ""


@dataclass(frozen=True)
class Enclosures:
    """``quoted`` is what the question is about, by shortcut or emoji; the others came with its message."""

    quoted: QuotedMessage | None = None
    forwarded: tuple[QuotedMessage, ...] = ()
    files: tuple[FileReference, ...] = ()
    n_more: int = 0  # messages and files beyond the limits

    def __bool__(self) -> bool:
        return bool(self.quoted or self.forwarded or self.files)

    def to_json(self) -> dict[str, Any] | None:
        """Returns what is stored, without secrets; None where nothing came with the question."""
        return asdict(self._without_secrets()) if self else None

    def _without_secrets(self) -> "Enclosures":
        quoted = self.quoted and replace(self.quoted, text=secrets.redact(self.quoted.text))
        forwarded = tuple(replace(one, text=secrets.redact(one.text)) for one in self.forwarded)
        return replace(self, quoted=quoted, forwarded=forwarded)


NOTHING = Enclosures()


@dataclass
class _Limited:
    n_more: int = 0
    items: list[Any] = field(default_factory=list)

    def add(self, item: Any, limit: int) -> None:
        if len(self.items) < limit:
            self.items.append(item)
        else:
            self.n_more += 1


def from_json(stored: JsonMap | None) -> Enclosures:
    """Reads what :meth:`Enclosures.to_json` made."""
    if not stored:
        return NOTHING
    return Enclosures(
        quoted=QuotedMessage(**stored["quoted"]) if stored.get("quoted") else None,
        forwarded=tuple(QuotedMessage(**one) for one in stored.get("forwarded") or ()),
        files=tuple(FileReference(**{**one, "kind": FileKind(one["kind"])}) for one in stored.get("files") or ()),
        n_more=int(stored.get("n_more") or 0),
    )


def read_message(message: JsonMap) -> Enclosures:
    """Reads what a message brings beside its text: forwarded messages and files."""
    forwarded, files = _Limited(), _Limited()
    for attachment in list_objects(message.get("attachments")):
        if (attachment.get("is_share") or attachment.get("is_msg_unfurl")) and (
            one := _read_forwarded(attachment)
        ):
            forwarded.add(one, MAX_MESSAGES)
    for file in list_objects(message.get("files")):
        files.add(_read_file(file), MAX_FILES)
    return Enclosures(
        forwarded=tuple(forwarded.items), files=tuple(files.items), n_more=forwarded.n_more + files.n_more
    )


def _read_forwarded(attachment: JsonMap) -> QuotedMessage | None:
    """Reads a forwarded message; None where Slack does not say which one it is, or shows nothing of it."""
    channel, ts = to_string(attachment.get("channel_id")), to_ts(attachment.get("ts"))
    linked = permalinks.find(to_string(attachment.get("from_url"))[:URL_CHARS])
    if not (_CHANNEL.fullmatch(channel) and ts):
        if not linked:
            return None
        channel, ts = linked[0].key
    text = slack_markup.to_text(to_string(attachment.get("text"))[: TEXT_CHARS * 2]).strip() or _read_blocks(
        attachment
    )
    author = to_string(attachment.get("author_id")) or to_string(attachment.get("author_name"))
    return QuotedMessage(channel, ts, shorten(text, TEXT_CHARS), author[:NAME_CHARS])


def _read_blocks(attachment: JsonMap) -> str:
    messages = (to_object(one.get("message")) for one in list_objects(attachment.get("message_blocks")))
    texts = (
        rich_text.read("", message.get("blocks"), is_bot=lambda user_id: False).question for message in messages
    )
    return "\n".join(texts).strip()


def _read_file(file: JsonMap) -> FileReference:
    name = to_string(file.get("name")) or to_string(file.get("title")) or "a file"
    is_here = file.get("mode") not in ("tombstone", "hidden_by_limit") and not file.get("file_access")
    is_visible = is_here or file.get("file_access") == "visible"
    url = to_string(file.get("url_private")) if is_visible else ""
    return FileReference(shorten(name, NAME_CHARS), _find_kind(file), url[:URL_CHARS])


def _find_kind(file: JsonMap) -> FileKind:
    mime, kind = to_string(file.get("mimetype")).lower(), to_string(file.get("filetype")).lower()
    if mime.startswith("image/"):
        return FileKind.PICTURE
    if mime.startswith("audio/") or file.get("subtype") == "slack_audio":
        return FileKind.VOICE
    if mime.startswith("video/") or file.get("subtype") == "slack_video":
        return FileKind.VIDEO
    is_text = file.get("mode") == "snippet" or mime.startswith("text/") or kind in TEXT_TYPES
    return FileKind.TEXT if is_text else FileKind.OTHER
