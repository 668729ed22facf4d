"""Reads what a person wrote: whether it addresses the bot, and the question in it.

Judges by the message's rich text, which says what is code and what is quoted; for a message without it, by Slack's
markup. A mention inside code, a code block or a quote is a sample or somebody else's word, and addresses nobody.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.hidden_characters import strip_invisible
from bot.slack.reading.foreign_json import list_objects
from ingest import slack_markup

Element = Mapping[str, Any]  # of docs.slack.dev/reference/block-kit/blocks/rich-text-block
IsBot = Callable[[str], bool]  # by a person's id

MAX_INDENT, MAX_OFFSET = 8, 10_000  # of a list; Slack indents by 8 at most
CODE, QUOTE, LIST = "rich_text_preformatted", "rich_text_quote", "rich_text_list"
_LABELLED = re.compile(r"<#([A-Z0-9]+)\|([^<>]+)>")  # only the markup knows how a channel is called
_CODE_OR_QUOTE = re.compile(
    r"(?P<code>```.*?```|`[^`\n]+`)|(?P<quote>^(?:&gt;|>){3}.*|^(?:&gt;|>)[^\n]*)", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class WrittenText:
    """What was written: ``is_mention`` if it addresses the bot, ``question`` without that mention and markup.

    ``names_others`` if it mentions other people, outside of code and quotes.
    """

    is_mention: bool
    question: str
    names_others: bool = False


@dataclass
class _Reader:
    """Walks through the rich text of one message."""

    is_bot: IsBot
    channel_names: Mapping[str, str]
    mentions: list[str] = field(default_factory=list)  # everybody whom the message addresses

    def read(self, elements: Iterable[Element]) -> str:
        return "\n".join(self._read_part(element).removesuffix("\n") for element in elements)

    def _read_part(self, part: Element, *, is_quoted: bool = False) -> str:
        kind, inside = part.get("type"), _list(part)
        if kind == CODE:
            return "```\n" + "".join(_code_text(span) for span in inside) + "\n```"
        is_quoted = is_quoted or kind == QUOTE or bool(part.get("border"))
        if kind == LIST:
            text = self._read_list(part, inside, is_quoted=is_quoted)
        else:
            text = "".join(self._read_span(span, is_quoted=is_quoted) for span in inside)
        return "\n".join(f"> {line}" for line in text.split("\n")) if is_quoted else text

    def _read_list(self, part: Element, items: Sequence[Element], *, is_quoted: bool) -> str:
        indent, start = (
            "    " * _number(part.get("indent"), MAX_INDENT),
            _number(part.get("offset"), MAX_OFFSET) + 1,
        )
        marks = [f"{start + n}." if part.get("style") == "ordered" else "•" for n in range(len(items))]
        texts = ["".join(self._read_span(span, is_quoted=is_quoted) for span in _list(item)) for item in items]
        return "\n".join(f"{indent}{mark} {text}" for mark, text in zip(marks, texts, strict=True))

    def _read_span(self, span: Element, *, is_quoted: bool) -> str:
        style = span.get("style")
        if isinstance(style, dict) and style.get("code"):
            return f"`{_code_text(span)}`"
        match span.get("type"):
            case "user":
                return self._read_mention(str(span.get("user_id") or ""), is_quoted=is_quoted)
            case "channel":
                channel = str(span.get("channel_id") or "")
                return f"#{self.channel_names.get(channel, channel)}"
            case "link":
                url, label = str(span.get("url") or ""), str(span.get("text") or "")
                return slack_markup.format_link(url, label)
            case "broadcast":
                return f"@{span.get('range')}"
            case "usergroup":
                return f"@{span.get('usergroup_id')}"
            case "emoji":
                return f":{span.get('name')}:"
            case _:
                return str(span.get("text") or span.get("fallback") or "")

    def _read_mention(self, user_id: str, *, is_quoted: bool) -> str:
        if not is_quoted:
            self.mentions.append(user_id)
            if self.is_bot(user_id):
                return " "
        return f"<@{user_id}>"


def read(text: str, blocks: object, *, is_bot: IsBot) -> WrittenText:
    """Reads a message by its blocks, or by its markup where they hold no rich text.

    >>> read("", [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
    ...     {"type": "user", "user_id": "UBOT"}, {"type": "text", "text": " how many?"}]}]}], is_bot="UBOT".__eq__)
    WrittenText(is_mention=True, question='how many?', names_others=False)
    """
    rich = [block for block in list_objects(blocks) if block.get("type") == "rich_text"]
    if not rich:
        return _read_markup(text, is_bot)
    reader = _Reader(is_bot, dict(_LABELLED.findall(text)))
    question = "\n".join(reader.read(_list(block)) for block in rich)
    return _judge(reader.mentions, strip_invisible(question), is_bot)


def _read_markup(text: str, is_bot: IsBot) -> WrittenText:
    """Reads Slack's markup, which shows code by ticks and a quote by ``>`` before the line."""
    pieces, mentions = [], []
    for piece, is_sample in _split_samples(text):
        if not is_sample:
            mentions += slack_markup.find_people(piece)
        pieces.append(slack_markup.to_text(piece, _keep if is_sample else _leave_out(is_bot)))
    return _judge(mentions, "".join(pieces), is_bot)


def _judge(mentions: Iterable[str], question: str, is_bot: IsBot) -> WrittenText:
    is_mention = [is_bot(user_id) for user_id in mentions]
    return WrittenText(any(is_mention), question.strip(), not all(is_mention))


def _keep(user: str, label: str) -> str:
    return f"<@{user}>"


def _leave_out(is_bot: IsBot) -> slack_markup.Mention:
    return lambda user, label: " " if is_bot(user) else f"<@{user}>"


def _split_samples(text: str) -> Iterator[tuple[str, bool]]:
    """Yields the text in pieces, each with whether it is code or quoted."""
    end = 0
    for sample in _CODE_OR_QUOTE.finditer(text):
        yield text[end : sample.start()], False
        yield sample[0], True
        end = sample.end()
    yield text[end:], False


def _list(part: Element) -> list[Element]:
    return list(list_objects(part.get("elements")))


def _number(value: object, most: int) -> int:
    return min(max(value, 0), most) if isinstance(value, int) else 0


def _code_text(span: Element) -> str:
    if span.get("type") == "user":
        return f"<@{span.get('user_id')}>"
    return str(span.get("text") or span.get("url") or span.get("name") or "")
