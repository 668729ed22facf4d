"""Messages saved as files (EML) to blocks: sender, recipients, date and text; attachments are only named."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from ingest.documents.blocks import Block, BlockKind, Document
from ingest.documents.readers.html import html
from ingest.documents.readers.text import plain
from ingest.documents.readers.text.encoding import decode

_FIELDS = ("From", "To", "Cc", "Date")
_MAX_HEADER_CHARS = 500  # a list of recipients may be very long


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a message; its title is the subject."""
    message = BytesParser(EmailMessage, policy=policy.default).parsebytes(content)
    head = {name: _header(message, name) for name in _FIELDS}
    names = [part.get_filename() or "" for part in message.iter_attachments()] if message.is_multipart() else []
    blocks = [*header_blocks(head, names), *_body(message)]
    return Document(_header(message, "Subject"), tuple(blocks), parse_date(head["Date"]))


def header_blocks(head: dict[str, str], attachments: list[str]) -> Iterator[Block]:
    """Yields a paragraph with a message's header fields and the names of its attachments."""
    lines = [f"{name}: {value[:_MAX_HEADER_CHARS]}" for name, value in head.items() if value]
    if names := [name for name in attachments if name]:
        lines.append(f"Attachments: {', '.join(names)}")
    if lines:
        yield Block(BlockKind.PARAGRAPH, "\n".join(lines))


def parse_date(text: str) -> datetime | None:
    """Returns when a message was sent, None for an invalid date."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, AttributeError):  # from the standard library's parser, on some broken headers
        return ""


def _body(message: EmailMessage) -> Iterator[Block]:
    body = message.get_body(preferencelist=("html", "plain"))
    part = body or next((part for part in message.walk() if part.get_content_maintype() == "text"), None)
    if part is None:
        return
    payload = part.get_payload(decode=True)
    text = decode(payload if isinstance(payload, bytes) else b"", declared=part.get_content_charset())
    yield from html.blocks(text) if part.get_content_subtype() == "html" else plain.blocks(text)
