"""Messages saved as files (EML) to blocks: who wrote when to whom, and the text; attachments are only named."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from ingest.documents.blocks import Block, Document
from ingest.documents.readers.html import html
from ingest.documents.readers.text import plain
from ingest.documents.readers.text.encoding import decode

_SHOWN = ("From", "To", "Cc", "Date")
_MAX_HEADER_CHARS = 500  # a list of recipients may be endless


def read(content: bytes, *, max_chars: int) -> Document:
    """The subject is the title."""
    message = BytesParser(EmailMessage, policy=policy.default).parsebytes(content)
    head = {name: _header(message, name) for name in _SHOWN}
    names = [part.get_filename() or "" for part in message.iter_attachments()] if message.is_multipart() else []
    blocks = [*header_blocks(head, names), *_body(message)]
    return Document(_header(message, "Subject"), tuple(blocks), parse_date(head["Date"]))


def header_blocks(head: dict[str, str], attachments: list[str]) -> Iterator[Block]:
    """What stands above a message's text."""
    shown = [f"{name}: {value[:_MAX_HEADER_CHARS]}" for name, value in head.items() if value]
    if named := [name for name in attachments if name]:
        shown.append(f"Attachments: {', '.join(named)}")
    if shown:
        yield Block("paragraph", "\n".join(shown))


def parse_date(text: str) -> datetime | None:
    """When a message was sent, by its ``Date``."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, AttributeError):  # the standard library's parser fails at some
        return ""


def _body(message: EmailMessage) -> Iterator[Block]:
    body = message.get_body(preferencelist=("html", "plain"))
    part = body or next((one for one in message.walk() if one.get_content_maintype() == "text"), None)
    if part is None:
        return
    payload = part.get_payload(decode=True)
    text = decode(payload if isinstance(payload, bytes) else b"", declared=part.get_content_charset())
    yield from html.blocks(text) if part.get_content_subtype() == "html" else plain.blocks(text)
