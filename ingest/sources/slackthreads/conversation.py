"""Renders a Slack thread as Markdown: who wrote what, and when.

Promises that what people write stays text: none of it becomes a heading, a link, HTML or a template's tag; code
stays code. Does not call Slack: the caller looks up people's names.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NotRequired, TypedDict

from ingest import slack_markup

TITLE_CHARS = 100
NameOf = Callable[[str], str]  # of a person, by id

# Subtypes of messages with something to read; the others report joining, leaving, renaming, pinning and the like.
_SUBTYPES_WITH_TEXT = {"", "bot_message", "file_share", "me_message", "thread_broadcast"}
_ADDRESS = re.compile(r"https?://\S+")
_IDEOGRAMS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")  # written without spaces, about two to a word
_CODE_BLOCK = re.compile(r"```(.*?)```", re.DOTALL)
_CODE_SPAN = re.compile(r"`([^`\n]+)`")
_EMPHASIS = re.compile(  # of a bounded length; unbounded, it takes time by the square of a line's length
    r"(?<![\w*_~])([*_~])(?=\S)([^\n]{0,500}?\S)\1(?![\w*_~])"
)
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_TEXT_OBJECTS = {"text", "mrkdwn", "plain_text"}


class Edit(TypedDict):
    """When a message was edited."""

    ts: str


class BotProfile(TypedDict, total=False):
    """What Slack shows of an app beside its message."""

    name: str


class SharedFile(TypedDict, total=False):
    """A file that was shared with a message."""

    id: str
    title: str
    name: str


class AttachmentField(TypedDict, total=False):
    """A labelled value in an attachment."""

    title: str
    value: str


class Attachment(TypedDict, total=False):
    """What an app adds below its message, or what Slack shows of a link."""

    pretext: str
    title: str
    text: str
    fallback: str
    fields: list[AttachmentField]
    is_msg_unfurl: bool
    from_url: str
    original_url: str


class WireMessage(TypedDict):
    """A message as Slack's Web API gives it, with the keys that are read here."""

    ts: str
    text: NotRequired[str]
    user: NotRequired[str]
    bot_id: NotRequired[str]
    username: NotRequired[str]
    subtype: NotRequired[str]
    thread_ts: NotRequired[str]
    edited: NotRequired[Edit]
    bot_profile: NotRequired[BotProfile]
    blocks: NotRequired[list[object]]
    attachments: NotRequired[list[Attachment]]
    files: NotRequired[list[SharedFile]]
    reply_count: NotRequired[int]
    reply_users: NotRequired[list[str]]
    reply_users_count: NotRequired[int]
    latest_reply: NotRequired[str]


def has_text(message: WireMessage) -> bool:
    """Returns whether a person or an app writes something in it."""
    return message.get("subtype", "") in _SUBTYPES_WITH_TEXT


def last_changed_at(message: WireMessage) -> datetime:
    """Returns when it was written, or last edited."""
    edited = message.get("edited")
    return datetime.fromtimestamp(max(float(message["ts"]), float((edited and edited.get("ts")) or 0)), UTC)


def count_words(message: WireMessage) -> int:
    """Counts words without addresses and names of people; of ideograms, two are a word."""
    text = _ADDRESS.sub(" ", slack_markup.to_text(_markup(message), lambda user, label: f"@{label}"))
    n_ideograms = len(_IDEOGRAMS.findall(text))
    return len(_IDEOGRAMS.sub(" ", text).replace("@", " ").split()) + n_ideograms // 2


def make_title(channel: str, messages: Sequence[WireMessage], name_of: NameOf) -> str:
    """Returns the channel, and the first line of the first message that has one."""
    lines = (line.strip() for message in messages for line in _plain(_markup(message), name_of).splitlines())
    first = _EMPHASIS.sub(r"\2", next((line for line in lines if line.strip("`")), ""))
    title = first if len(first) <= TITLE_CHARS else f"{first[: TITLE_CHARS - 1].rstrip()}…"
    return f"#{channel}: {title}" if title else f"#{channel}"


def to_markdown(messages: Sequence[WireMessage], name_of: NameOf) -> str:
    """Renders one or more paragraphs for each message, headed by its author and its time in UTC."""
    return "\n\n".join(_render(message, name_of) for message in messages) + "\n"


def author_name(message: WireMessage, name_of: NameOf) -> str:
    """Returns a person's name, or an app's as Slack shows it beside its message."""
    if name := message.get("username") or (message.get("bot_profile") or BotProfile()).get("name"):
        return str(name)
    return name_of(str(message["user"])) if message.get("user") else "An app"


def _plain(markup: str, name_of: NameOf) -> str:
    return slack_markup.to_text(markup, lambda user, label: f"@{label or name_of(user)}")


def _render(message: WireMessage, name_of: NameOf) -> str:
    written_at = datetime.fromtimestamp(float(message["ts"]), UTC)
    head = f"**{_escape(author_name(message, name_of))}** ({written_at:%Y-%m-%d %H:%M}):"
    parts = _CODE_BLOCK.split(_markup(message))
    blocks: list[str] = []
    for position, part in enumerate(parts):
        if position % 2:
            blocks.append(_fence(_plain(part, name_of)))
        else:
            blocks.extend(_paragraphs(_plain(part, name_of)))
    if blocks and not blocks[0].startswith("```"):
        head = f"{head} {blocks.pop(0)}"
    return "\n\n".join([head, *blocks])


def _fence(code: str) -> str:
    n_ticks = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, n_ticks + 1)
    return f"{fence}\n{code.strip(chr(10))}\n{fence}"


def _paragraphs(text: str) -> Iterator[str]:
    """Splits text at empty lines; keeps single line breaks, as in a list somebody typed."""
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [_line(line.strip()) for line in paragraph.splitlines() if line.strip()]
        if lines:
            yield "\\\n".join(lines)


def _line(text: str) -> str:
    parts = _CODE_SPAN.split(text.lstrip("> "))
    return "".join(f"`{p}`" if n % 2 else _escape(_EMPHASIS.sub(r"\2", p)) for n, p in enumerate(parts))


def _escape(text: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", text)


def _markup(message: WireMessage) -> str:
    """Returns what was written, in Slack's markup, an app's blocks and attachments, and the names of files."""
    text = str(message.get("text") or "")
    blocks = "\n".join(filter(None, map(_block_text, message.get("blocks") or ())))
    if not text or (message.get("bot_id") and len(blocks) > len(text)):
        text = blocks or text
    attachments = [_attachment_text(attachment) for attachment in message.get("attachments") or ()]
    names = ", ".join(
        str(file.get("title") or file.get("name") or "a file") for file in message.get("files") or ()
    )
    return "\n".join(filter(None, [text, *attachments, f"[shared: {names}]" if names else ""]))


def _attachment_text(attachment: Attachment) -> str:
    """Leaves out previews of links: their text is from elsewhere, and perhaps for fewer people."""
    if attachment.get("is_msg_unfurl") or attachment.get("from_url") or attachment.get("original_url"):
        return ""
    body = attachment.get("text") or attachment.get("fallback")
    lines = [attachment.get("pretext"), attachment.get("title"), body]
    lines += [f"{field.get('title', '')}: {field.get('value', '')}" for field in attachment.get("fields") or ()]
    return "\n".join(str(line) for line in lines if line)


def _block_text(block: object) -> str:
    """Returns the text of a block or an element of one: each part on its own line, runs of rich text on one."""
    if isinstance(block, list):
        return "\n".join(filter(None, map(_block_text, block)))
    if not isinstance(block, Mapping):
        return block if isinstance(block, str) else ""
    kind = block.get("type", "")
    if kind in {"rich_text_section", "rich_text_quote"}:
        return "".join(map(_run_markup, block.get("elements") or ()))
    if kind == "rich_text_preformatted":
        return f"```{''.join(map(_run_markup, block.get('elements') or ()))}```"
    if kind in _TEXT_OBJECTS:
        return str(block.get("text") or "")
    return "\n".join(filter(None, (_block_text(block.get(key)) for key in ("text", "fields", "elements", "rows"))))


def _run_markup(element: Mapping[str, object]) -> str:
    """Writes a run of rich text, whose text is not escaped, as Slack's markup."""
    text = str(element.get("text") or "").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    tokens = {
        "user": f"<@{element.get('user_id')}>",
        "channel": f"<#{element.get('channel_id')}>",
        "usergroup": f"<!subteam^{element.get('usergroup_id')}>",
        "broadcast": f"<!{element.get('range')}>",
        "emoji": f":{element.get('name')}:",
        "link": f"<{element.get('url')}|{text}>" if text else f"<{element.get('url')}>",
    }
    return tokens.get(str(element.get("type")), text)
