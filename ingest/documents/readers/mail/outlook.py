"""Outlook messages (MSG) to blocks: the only module that imports olefile.

Properties are named by their number in [MS-OXPROPS] and their type: 001F is UTF-16, 001E an older encoding, 0102
bytes. Does not read a body that is Rich Text only.
"""

import re
from collections.abc import Iterator
from io import BytesIO

import olefile

from ingest.documents.blocks import Block, Document
from ingest.documents.readers.html import html
from ingest.documents.readers.mail import mail
from ingest.documents.readers.office import archive
from ingest.documents.readers.text import plain
from ingest.documents.readers.text.encoding import decode

_SUBJECT, _SENDER, _ADDRESS, _TO, _CC, _BODY, _HTML = "0037", "0C1A", "0C1F", "0E04", "0E03", "1000", "1013"
_FILE_NAME, _TRANSPORT = "3707", "007D"  # the latter: the headers with which it was sent
_DATE = re.compile(r"^Date:[ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)
_MAX_BYTES = 20_000_000  # of one property


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a message; its title is the subject. Raises :class:`ingest.documents.raw.FetchProblem`."""
    try:
        with olefile.OleFileIO(BytesIO(content)) as message:
            sender = " ".join(filter(None, (_text(message, _SENDER), _text(message, _ADDRESS))))
            sent = _DATE.search(_text(message, _TRANSPORT))
            head = {"From": sender, "To": _text(message, _TO), "Cc": _text(message, _CC)}
            head["Date"] = sent[1].strip() if sent else ""
            attachments = sorted({path[0] for path in message.listdir() if path[0].startswith("__attach")})
            names = [_text(message, _FILE_NAME, below=f"{folder}/") for folder in attachments]
            blocks = (*mail.header_blocks(head, names), *_body(message))
            return Document(_text(message, _SUBJECT), blocks, mail.parse_date(head["Date"]))
    except (OSError, ValueError, IndexError) as error:
        raise archive.damage_problem("Outlook message") from error


def _body(message: olefile.OleFileIO) -> Iterator[Block]:
    page = _stream(message, f"__substg1.0_{_HTML}0102")
    if page:
        yield from html.blocks(html.decode_page(page))
    else:
        yield from plain.blocks(_text(message, _BODY).replace("\r\n", "\n"))


def _text(message: olefile.OleFileIO, number: str, *, below: str = "") -> str:
    wide = _stream(message, f"{below}__substg1.0_{number}001F")
    if wide:
        return wide.decode("utf-16-le", errors="replace").strip("\x00 ")
    return decode(_stream(message, f"{below}__substg1.0_{number}001E").replace(b"\x00", b"")).strip()


def _stream(message: olefile.OleFileIO, name: str) -> bytes:
    if not message.exists(name) or message.get_size(name) > _MAX_BYTES:
        return b""
    return bytes(message.openstream(name).read())
