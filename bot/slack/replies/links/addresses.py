"""Addresses in a text: whatever a client of Slack may make a link of.

Finds too much rather than too little: what Slack links is documented nowhere. Judges text alone: which hosts are
allowed is :mod:`bot.slack.replies.links.policy`'s matter.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from unicodedata import normalize

STOP = r"\s<>\[\]\"'`|\\^{}\ufdd0-\ufdd2"  # what no client takes for a part of an address
_IN = rf"[^{STOP}]"
# Schemes that a client may open although no "//" follows. Words that people write before a colon are none.
_OPAQUE = (
    "mailto|tel|sms|javascript|vbscript|data|slack|skype|callto|facetime|sips?|xmpp|magnet|blob|webcal|intent"
)
_ADDRESS = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9+.-]{{0,30}}:/{{2,}}(?:\[[0-9a-f:.%]{{2,60}}\])?{_IN}+|(?<!\w)(?:{_OPAQUE}):{_IN}+)"
    rf"|(?<![\w@])(?P<www>www\.{_IN}+)"
    rf"|(?<!\w)(?P<user>[\w.+%'-]{{1,64}}(?::[^@/?#{STOP}]{{0,64}})?@)?"
    rf"(?P<name>(?:[\w-]{{1,63}}\.){{1,40}}(?P<tld>(?!(?:{_OPAQUE}):)[^\W\d_][\w-]{{1,62}})"
    r"|\d{1,3}(?:\.\d{1,3}){3}(?![\w.]))"
    rf"(?P<port>:\d{{1,5}})?(?P<rest>[/?#]{_IN}*)?",
    re.IGNORECASE,
)
_WEB = re.compile(r"https?://(?P<host>[a-z0-9_.-]{1,253})(?::\d{1,5})?(?=[/?#]|\Z)", re.IGNORECASE)
_SCHEME = re.compile(rf"[a-z][a-z0-9+.-]*:/{{2,}}|(?:{_OPAQUE}):", re.IGNORECASE)
BROADCAST = re.compile(r"@(?=(?:channel|here|everyone)(?![^\W_]))", re.IGNORECASE)
_JOINT = re.compile(rf"\.(?=\w)|:|{BROADCAST.pattern}", re.IGNORECASE)
# Ends of names that are ends of files and words of programs as well: `README.md`, `order.id`.
_WORDS = frozenset(
    re.findall(
        r"\w+",
        "ai app as bar bat cc data date day do email events ga go id in info is java link md me ml mov name np"
        " page ph pl pm post ps py re rs run sh so st tf to vi watch ws xyz zip",
    )
)
_RESERVED = frozenset(re.findall(r"\w+", "corp example home internal invalid lan local localhost onion test"))


class AddressKind(StrEnum):
    """How much an address can carry, and what a client makes of it."""

    URL = "url"  # with a scheme, a path, a port or a person: it can carry anything
    NAME = "name"  # a bare name of a host: `example.com`
    WORD = "word"  # the same, but more likely a file's or a variable's: `README.md`
    MAIL = "mail"


@dataclass(frozen=True)
class Address:
    """An address in a text, from ``start`` to ``end``."""

    start: int
    end: int
    text: str
    kind: AddressKind


def find(text: str) -> Iterator[Address]:
    """Yields the addresses in the text, in order, without trailing punctuation.

    >>> [(found.text, found.kind) for found in find("See https://a.example/b, c.com/d?e or README.md.")]
    [('https://a.example/b', 'url'), ('c.com/d?e', 'url'), ('README.md', 'word')]
    """
    position = 0
    while match := _ADDRESS.search(text, position):
        kind = _kind(match)
        trimmed = trim(match[0])[0] if kind else ""
        if match["scheme"] and not _SCHEME.match(trimmed):  # nothing but punctuation follows the scheme
            trimmed = match[0]
        if kind and trimmed:
            yield Address(match.start(), match.start() + len(trimmed), trimmed, kind)
        position = match.end() if kind else match.start() + 1  # what is none may hold one


def trim(address: str) -> tuple[str, str]:
    """Returns the address without the punctuation of the sentence that it ends, and that punctuation."""
    trimmed = address.rstrip(".,;:!?*_…")
    while trimmed.endswith(")") and trimmed.count("(") < trimmed.count(")"):
        trimmed = trimmed[:-1].rstrip(".,;:!?*_…")
    return trimmed, address[len(trimmed) :]


def read_host(url: str) -> str | None:
    """Returns the host of a web address, in lower case; None for one that browsers may read in more than one way.

    >>> read_host("https://Docs.example:8443/a"), read_host("https://docs.example@evil.example/")
    ('docs.example', None)
    """
    match = _WEB.match(url)
    return match["host"].lower().rstrip(".") if match else None


def to_key(address: str) -> str:
    """Returns what two ways of writing the same address have in common.

    >>> to_key("https://WWW.Example.com/A/") == to_key("www.example.com/A")
    True
    """
    scheme = _SCHEME.match(address)
    rest = address[scheme.end() :] if scheme else address
    host = re.match(r"[^/?#]*", rest)
    assert host
    return (host[0].lower() + rest[host.end() :]).rstrip("/")


def to_site(address: str) -> str:
    """Returns the last two parts of the host's name: whoever has them has all names below.

    >>> to_site("https://a.b.example/c"), to_site("x@evil.example/y")
    ('b.example', 'evil.example')
    """
    authority = re.split("[/?#]", to_key(address), maxsplit=1)[0]
    return ".".join(authority.rpartition("@")[2].partition(":")[0].split(".")[-2:])


def defuse(address: str) -> str:
    """Writes an address so that no client links it: without its scheme, its joints in brackets.

    >>> defuse("https://vendor.example/form?to=a.example")
    'vendor[.]example/form?to=a[.]example'
    """
    scheme = _SCHEME.match(address)
    rest = _JOINT.sub(r"[\g<0>]", normalize("NFKC", address[scheme.end() if scheme else 0 :]))
    is_opaque = scheme and not scheme[0].endswith("/")  # mailto:, tel:
    return f"{scheme[0][:-1]}[:]{rest}" if scheme and is_opaque else rest


@cache
def top_level_domains() -> frozenset[str]:
    """Reads the public list of the ends of names, of the package tld, and adds those kept for private use."""
    lines = files("tld").joinpath("res/effective_tld_names.dat.txt").read_text(encoding="utf-8").splitlines()
    names = {line.strip().lower() for line in lines if line and not line.startswith("//")}
    return frozenset(name for name in names if "." not in name) | _RESERVED


def _kind(match: re.Match[str]) -> AddressKind | None:
    if match["scheme"] or match["www"]:
        return AddressKind.URL
    tld = (match["tld"] or "").lower()
    is_host = not tld or tld in top_level_domains() or tld.startswith("xn--")
    if not is_host or (not tld and not (match["rest"] or match["user"])):  # 1.2.3.4 is a version
        return None
    if match["user"]:
        is_mail = ":" not in match["user"] and not (match["port"] or match["rest"])
        return AddressKind.MAIL if is_mail else AddressKind.URL
    before = match.string[max(0, match.start() - 2) : match.start()]
    if tld in _WORDS and before.endswith("/") and before != "//":  # a path of files: docs/a.md/b
        return None
    if len(match["rest"] or "") > 1:
        return AddressKind.URL
    return AddressKind.WORD if tld in _WORDS and match["name"].count(".") == 1 else AddressKind.NAME
