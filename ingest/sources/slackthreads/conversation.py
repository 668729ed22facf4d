"""A Slack thread as Markdown: who said what, and when.

Promises that what people write stays text: none of it becomes a heading, a link, HTML or a template's tag. Code
stays code. Does not call Slack: whoever renders says how people are called.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

TITLE_CHARS = 100
Message = Mapping[str, Any]  # as Slack's Web API gives it
NameOf = Callable[[str], str]  # of the id of a person

# Messages that say something; all others tell of joining, leaving, renaming, pinning and the like.
_SPOKEN = {"", "bot_message", "file_share", "me_message", "thread_broadcast"}
_TOKEN = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_ADDRESS = re.compile(r"https?://\S+")
_IDEOGRAMS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")  # written without spaces, about two to a word
_CODE_BLOCK = re.compile(r"```(.*?)```", re.DOTALL)
_CODE_SPAN = re.compile(r"`([^`\n]+)`")
_EMPHASIS = re.compile(  # of a bounded length, else it takes time by the square of a line
    r"(?<![\w*_~])([*_~])(?=\S)([^\n]{0,500}?\S)\1(?![\w*_~])"
)
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_TEXTUAL = {"text", "mrkdwn", "plain_text"}


def is_spoken(message: Message) -> bool:
    """Whether somebody says something in it, a person or an app."""
    return message.get("subtype", "") in _SPOKEN


def said_at(message: Message) -> datetime:
    """When it was written, or last edited."""
    edited = message.get("edited") or {}
    return datetime.fromtimestamp(max(float(message["ts"]), float(edited.get("ts") or 0)), UTC)


def n_words(message: Message) -> int:
    """Addresses and names of people do not count; where words are not parted, two characters are one."""
    text = _ADDRESS.sub(" ", plain(_source(message), lambda user: ""))
    n_ideograms = len(_IDEOGRAMS.findall(text))
    return len(_IDEOGRAMS.sub(" ", text).replace("@", " ").split()) + n_ideograms // 2


def title(channel: str, messages: Sequence[Message], name_of: NameOf) -> str:
    """The channel, and the first line of the first message that has one."""
    lines = (line.strip() for one in messages for line in plain(_source(one), name_of).splitlines())
    first = _EMPHASIS.sub(r"\2", next((line for line in lines if line.strip("`")), ""))
    shown = first if len(first) <= TITLE_CHARS else f"{first[: TITLE_CHARS - 1].rstrip()}…"
    return f"#{channel}: {shown}" if shown else f"#{channel}"


def markdown(messages: Sequence[Message], name_of: NameOf) -> str:
    """A paragraph or more for each message, headed by its speaker and its time in UTC."""
    return "\n\n".join(_spoken(message, name_of) for message in messages) + "\n"


def speaker(message: Message, name_of: NameOf) -> str:
    """A person's name; an app's as it is shown beside its message."""
    profile = message.get("bot_profile") or {}
    if shown := message.get("username") or profile.get("name"):
        return str(shown)
    return name_of(str(message["user"])) if message.get("user") else "An app"


def plain(text: str, name_of: NameOf) -> str:
    """Slack's markup as a person reads it, but for code and emphasis, which are left as they are."""
    text = _TOKEN.sub(lambda token: _read(token, name_of), _CONTROL.sub("", text))
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _read(token: re.Match[str], name_of: NameOf) -> str:
    """``<@U1>``, ``<#C1|name>``, ``<!here>``, ``<!subteam^S1|@name>``, ``<url|label>`` and the like."""
    kind, named, label = token[1], token[2], token[3] or ""
    if kind == "@":
        return f"@{label or name_of(named)}"
    if kind == "#":
        return f"#{label or named}"
    if kind == "!":
        return label or f"@{named.split('^')[-1]}"
    address = named.removeprefix("mailto:").removeprefix("tel:")
    return address if not label or label == address or address.endswith(f"//{label}") else f"{label} ({address})"


def _spoken(message: Message, name_of: NameOf) -> str:
    written_at = datetime.fromtimestamp(float(message["ts"]), UTC)
    head = f"**{_escaped(speaker(message, name_of))}** ({written_at:%Y-%m-%d %H:%M}):"
    parts = _CODE_BLOCK.split(_source(message))
    blocks: list[str] = []
    for position, part in enumerate(parts):
        if position % 2:
            blocks.append(_fenced(plain(part, name_of)))
        else:
            blocks.extend(_paragraphs(plain(part, name_of)))
    if blocks and not blocks[0].startswith("```"):
        head = f"{head} {blocks.pop(0)}"
    return "\n\n".join([head, *blocks])


def _fenced(code: str) -> str:
    ticks = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, ticks + 1)
    return f"{fence}\n{code.strip(chr(10))}\n{fence}"


def _paragraphs(text: str) -> Iterator[str]:
    """A line break stays one, as in a list somebody typed."""
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [_line(line.strip()) for line in paragraph.splitlines() if line.strip()]
        if lines:
            yield "\\\n".join(lines)


def _line(text: str) -> str:
    parts = _CODE_SPAN.split(text.lstrip("> "))
    return "".join(f"`{p}`" if n % 2 else _escaped(_EMPHASIS.sub(r"\2", p)) for n, p in enumerate(parts))


def _escaped(text: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", text)


def _source(message: Message) -> str:
    """What was written, in Slack's markup; what an app shows in blocks and attachments; the names of files."""
    text = str(message.get("text") or "")
    shown = "\n".join(filter(None, map(_shown, message.get("blocks") or ())))
    if not text or (message.get("bot_id") and len(shown) > len(text)):
        text = shown or text
    attached = [_attached(part) for part in message.get("attachments") or ()]
    names = ", ".join(
        str(file.get("title") or file.get("name") or "a file") for file in message.get("files") or ()
    )
    return "\n".join(filter(None, [text, *attached, f"[shared: {names}]" if names else ""]))


def _attached(part: Message) -> str:
    """Not what Slack shows of a link: that is said elsewhere, perhaps to fewer people."""
    if part.get("is_msg_unfurl") or part.get("from_url") or part.get("original_url"):
        return ""
    shown = [part.get("pretext"), part.get("title"), part.get("text") or part.get("fallback")]
    shown += [f"{field.get('title', '')}: {field.get('value', '')}" for field in part.get("fields") or ()]
    return "\n".join(str(text) for text in shown if text)


def _shown(block: Any) -> str:
    """The text of a block, its parts on lines of their own but for the runs within a line."""
    if isinstance(block, list):
        return "\n".join(filter(None, map(_shown, block)))
    if not isinstance(block, Mapping):
        return str(block or "") if isinstance(block, str) else ""
    kind = block.get("type", "")
    if kind in {"rich_text_section", "rich_text_quote"}:
        return "".join(map(_run, block.get("elements") or ()))
    if kind == "rich_text_preformatted":
        return f"```{''.join(map(_run, block.get('elements') or ()))}```"
    if kind in _TEXTUAL:
        return str(block.get("text") or "")
    return "\n".join(filter(None, (_shown(block.get(key)) for key in ("text", "fields", "elements", "rows"))))


def _run(element: Message) -> str:
    """A run of rich text, whose text is not escaped, as Slack's markup."""
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
