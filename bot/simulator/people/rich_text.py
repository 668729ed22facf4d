"""The rich text that Slack's composer makes of typed text.

Promises what an app may judge a message by: which part is code, which is quoted, and which are mentions, links and
plain text. A mention inside code is text, as in Slack. Does not know emphasis, lists and emoji: they stay text.
"""

import re
from collections.abc import Iterator

from bot.simulator.payloads import JsonObject

_BLOCK = re.compile(r"```\n?(?P<code>.*?)\n?```|(?:^(?:&gt;|>)[^\n]*(?:\n|\Z))+", re.DOTALL | re.MULTILINE)
_QUOTE_MARK = re.compile(r"^(?:&gt;|>) ?", re.MULTILINE)
_SPAN = re.compile(r"`(?P<code>[^`\n]+)`|<(?P<kind>[@#!]?)(?P<target>[^<>|]+)(?:\|(?P<label>[^<>]*))?>")


def rich_text(text: str) -> JsonObject:
    """Returns the block for a text on the wire (`<@U…>`, `&lt;`)."""
    return {"type": "rich_text", "elements": list(_parts(text)) or [_part("rich_text_section", "")]}


def _parts(text: str) -> Iterator[JsonObject]:
    end = 0
    for block in _BLOCK.finditer(text):
        if between := text[end : block.start()]:
            yield _part("rich_text_section", between)
        if block["code"] is not None:
            yield {"type": "rich_text_preformatted", "elements": [_text(block["code"])]}
        else:
            yield _part("rich_text_quote", _QUOTE_MARK.sub("", block[0]).rstrip("\n"))
        end = block.end()
    if rest := text[end:]:
        yield _part("rich_text_section", rest)


def _part(kind: str, text: str) -> JsonObject:
    return {"type": kind, "elements": list(_spans(text))}


def _spans(text: str) -> Iterator[JsonObject]:
    end = 0
    for span in _SPAN.finditer(text):
        if between := text[end : span.start()]:
            yield _text(between)
        yield _span(span)
        end = span.end()
    if rest := text[end:]:
        yield _text(rest)


def _span(span: re.Match[str]) -> JsonObject:
    if span["code"]:
        return {**_text(span["code"]), "style": {"code": True}}
    match span["kind"]:
        case "@":
            return {"type": "user", "user_id": span["target"]}
        case "#":
            return {"type": "channel", "channel_id": span["target"]}
        case "!":
            return {"type": "broadcast", "range": span["target"]}
        case _:
            label = {"text": _unescape(span["label"])} if span["label"] else {}
            return {"type": "link", "url": _unescape(span["target"]), **label}


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": _unescape(text)}


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
