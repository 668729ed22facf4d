"""Reads the tags of a web page: its links, what it asks of crawlers, its date, and a digest of its main text.

Promises time in proportion to the page's length, whatever it contains: no HTML parser is run on foreign pages in
this process (Lexbor takes minutes for a tag with 100,000 attributes), so tags are read one after the other. The
main text itself is read elsewhere; its digest only tells whether it has changed. Menus, heads, feet and scripts
have no part in the digest, since clocks and tokens are there.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from hashlib import sha256
from html import unescape
from typing import NamedTuple
from urllib.parse import urlsplit

from ingest.sources.web import masking, walls
from ingest.sources.web.site import Site, join, normalise
from ingest.sources.web.walls import PageSigns, WallKind

MAX_LINKS = 5_000  # of one page; a page with more is a trap
MAX_TAG_CHARS = 20_000  # read of the attributes of one tag
_AROUND = ("nav", "footer", "aside", "dialog", "noscript", "template", "svg")
_RAW = {"script", "style", "textarea", "xmp", "title", "noembed", "noframes"}  # contain text, no tags
_LINKS = {"a": "href", "area": "href", "iframe": "src", "frame": "src"}
_READ_TAGS = {*_LINKS, "meta", "link", "base", "input"}
_PAIR = re.compile(
    r"""([^\s/>=]++)(?:\s*+=\s*+(?:"([^"]*+)"?|'([^']*+)'?|([^\s>"'][^\s>]*+)?))?""",
)
_VALUE = r"""(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>"'][^\s>]*+|(?=>|\Z))"""
_TAG = re.compile(
    rf"<(?:(?P<comment>!--)|(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*+)"
    rf"(?P<attributes>(?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+{_VALUE})?+)*+)(?P<close>>|\Z)|[!?/][^>]*+)"
)
_COMMENT_END = re.compile(r"--!?>")
_DATES = (
    "article:modified_time",
    "og:updated_time",
    "dcterms.modified",
    "last-modified",
    "article:published_time",
)
_DATE_MODIFIED = re.compile(r'"dateModified"\s*+:\s*+"([^"]{8,40})"')
_REFRESH = re.compile(r"\s*(\d{0,6})(?:\.\d*)?\s*[;,]\s*(?:url\s*=)?\s*['\"]?([^'\"]+)", re.IGNORECASE)
_MAX_REFRESH_SECONDS = 10  # a page that is left later is there to be read
_SAML = {"samlrequest", "samlresponse", "wresult"}  # fields of a form that sends itself to a login
_SIGN_IN = r"(?:log|sign)[-_]?(?:in|on)|wp-login|sessions?/new"
_LOGIN = re.compile(
    rf"/(?:{_SIGN_IN}|(?:oauth2?|saml2?|sso|auth)/(?:start|authori[sz]e|init(?:iate)?|redirect))(?:\.\w+)?/?$",
    re.IGNORECASE,
)
_LOGIN_PATH = re.compile(rf"/(?:{_SIGN_IN}|sso|saml2?|oauth2?|adfs|cas|auth\w*)(?:[/.]|$)", re.IGNORECASE)
_LOGIN_HOST = re.compile(r"(?:login|signin|sso|auth|accounts|idp?)\.", re.IGNORECASE)
_DIRECTIVES_WITH_VALUE = {"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"}
_SPACES = re.compile(r"\s+")
_TITLE_CHARS = 300
_TITLE_PARTS = re.compile(r"\s[|–—·-]\s")
_SIGNS_CHARS, _SIGNS_LINKS, _SIGNS_HEADINGS, _HEADING_CHARS = 5_000, 50, 3, 200
_HEADINGS = {"h1", "h2", "h3"}
_HEADING_ENDS = {"p", "form", "ul", "ol", "table", "section", "main", *_HEADINGS}  # also of one that is not closed
_META_CHARS = 3_000
_FUTURE = timedelta(days=1)  # a date later than that is a mistake


@dataclass(frozen=True)
class Markup:
    """What the tags of a page say.

    ``digest`` is equal for equal main texts, and empty without text; so is ``body``, but for what address and
    moment change; ``canonical`` and ``refresh`` are addresses within the site, or empty; ``refresh_target`` any;
    ``wall`` marks a login or an error page, whatever its status.
    """

    digest: str
    body: str
    n_words: int
    links: tuple[str, ...]
    canonical: str
    refresh: str
    refresh_target: str
    is_indexed: bool
    wall: WallKind | None
    updated_at: datetime | None


def parse(html: str, url: str, site: Site) -> Markup:
    """Parses a page at an address of the site."""
    tags = _Tags()
    tags.read(html)
    base = join(url, tags.base) or url
    directives = robots_directives(content for name, content in tags.metas if name in {"robots", "docent"})
    refresh = _find_refresh(tags.metas)
    links = (site.url(href, base) for href in tags.hrefs)
    return Markup(
        digest=tags.digest(),
        body=tags.digest(address=url),
        n_words=len(tags.text.split()),
        links=() if "nofollow" in directives else tuple(dict.fromkeys(filter(None, links))),
        canonical=site.url(tags.canonical, base) or "" if tags.canonical else "",
        refresh=site.url(refresh, url) or "" if refresh else "",
        refresh_target=normalise(join(url, refresh)) or "" if refresh else "",
        is_indexed="noindex" not in directives,
        wall=walls.find_wall(tags.signs(url, site)),
        updated_at=_updated_at(dict(reversed(tags.metas)), html),
    )


def is_login(url: str, site: Site) -> bool:
    """Returns whether an address is a login's; within the site more strictly, since ``auth/`` may be a chapter."""
    parts = urlsplit(url)
    if site.contains(url):
        return bool(_LOGIN.search(parts.path))
    return bool(_LOGIN_PATH.search(parts.path) or _LOGIN_HOST.match(parts.netloc))


def robots_directives(values: Iterable[str]) -> set[str]:
    """Parses what crawlers are asked, such as ``noindex``; ignores what is addressed to others by name."""
    directives: set[str] = set()
    for value in values:
        addressee = ""
        for part in value.lower().split(","):
            name, colon, rest = part.partition(":")
            is_directive = not colon or name.strip() in _DIRECTIVES_WITH_VALUE
            addressee = addressee if is_directive else name.strip()
            if addressee in {"", "docent"}:
                directives.add(part.strip() if is_directive else rest.strip())
    return directives | ({"noindex", "nofollow"} if "none" in directives else set())


def parse_date(text: str) -> datetime | None:
    """Parses a date of a page, sitemap or header, in UTC unless it says otherwise; None for a future one."""
    for parser in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = parser(text.strip())
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return date if date < datetime.now(UTC) + _FUTURE else None
    return None


class _TextRun(NamedTuple):
    """A text between two tags, and what it is part of."""

    text: str
    is_main: bool
    is_form: bool
    is_link: bool
    heading: int  # counted from 1; 0 for none


class _Tags:
    """Collects tags and texts in one pass over a page."""

    def __init__(self) -> None:
        self.metas: list[tuple[str, str]] = []
        self.hrefs: dict[str, None] = {}
        self.base = self.canonical = self.title = self._whole_title = ""
        self._inner_hrefs: list[str] = []
        self._actions: list[str] = []
        self._has_password = self._has_outer_password = self._has_saml = False
        self._runs: list[_TextRun] = []
        self._n_headings, self._is_heading = 0, False
        self._n_open: Counter[str] = Counter()

    def read(self, html: str) -> None:
        at = 0
        while tag := _TAG.search(html, at):
            self._add_text(html[at : tag.start()])
            at = tag.end()
            name = (tag["name"] or "").lower() if tag["close"] else ""
            if tag["comment"]:
                end = _COMMENT_END.search(html, at)
                at = end.end() if end else len(html)
            elif name in _RAW and not tag["end"]:
                at = self._skip_raw(name, html, at)
            elif name in _READ_TAGS and not tag["end"]:
                self._n_open[name] = 1  # links do not nest
                self._add_tag(name, _attributes(tag["attributes"]))
            elif name:
                self._open_or_close(name, is_end=bool(tag["end"]))
                if name == "form" and not tag["end"] and not self._is_around:
                    self._actions.append(_attributes(tag["attributes"]).get("action", ""))
        self._add_text(html[at:])

    @cached_property
    def text(self) -> str:  # once all is read
        return _join(self._main_runs)

    def digest(self, *, address: str = "") -> str:
        """Returns a digest of title and text, without what this ``address`` and the moment change in them."""
        title, text = self.title, self.text
        if address:
            title, text = masking.mask_ids(title), masking.mask(text, address)
        return sha256(f"{title}\n{text}".encode(errors="replace")).hexdigest() if self.text else ""

    def signs(self, url: str, site: Site) -> PageSigns:
        """Returns what shows whether this is a page of its own."""
        actions = [join(url, action) for action in self._actions]
        runs = self._main_runs
        plain = [one for one in runs if not one.is_form and not one.heading]
        headings = (_join(one for one in runs if one.heading == n + 1) for n in range(_SIGNS_HEADINGS))
        return PageSigns(
            titles=_TITLE_PARTS.split(self._whole_title),
            headings=[unescape(heading[:_HEADING_CHARS]).strip() for heading in headings if heading],
            text=unescape(_join(plain)[:_SIGNS_CHARS]),
            link_text=unescape(_join(one for one in plain if one.is_link)[:_SIGNS_CHARS]),
            form_text=unescape(_join(one for one in self._runs if one.is_form)[:_SIGNS_CHARS]),
            has_password=self._has_password,
            has_login_form=self._has_saml or any(is_login(action, site) for action in actions if action != url),
            has_login_around=self._has_outer_password,
            has_login_link=any(is_login(join(url, href), site) for href in self._inner_hrefs),
        )

    @cached_property
    def _main_runs(self) -> list[_TextRun]:
        return [one for one in self._runs if one.is_main] or self._runs

    @property
    def _is_around(self) -> bool:
        """Whether what comes now stands around the main text."""
        n = self._n_open
        return any(n[name] for name in _AROUND) or bool(n["header"] and not n["main"] and not n["article"])

    def _open_or_close(self, name: str, *, is_end: bool) -> None:
        self._n_open[name] = max(0, self._n_open[name] + (-1 if is_end else 1))
        if name in _HEADINGS and not is_end:
            self._n_headings += 1
        if name in _HEADING_ENDS:
            self._is_heading = name in _HEADINGS and not is_end and self._n_headings <= _SIGNS_HEADINGS

    def _add_text(self, text: str) -> None:
        n = self._n_open
        if not text or text.isspace() or any(n[name] for name in _AROUND):
            return
        if n["main"] or n["article"] or not n["header"]:
            heading = self._n_headings if self._is_heading else 0
            self._runs.append(_TextRun(text, bool(n["main"]), bool(n["form"]), bool(n["a"]), heading))

    def _skip_raw(self, name: str, html: str, at: int) -> int:
        """Returns where the element ends whose text begins at ``at``; remembers the first title."""
        end = html.find("</", at)
        while end >= 0 and html[end + 2 : end + 2 + len(name)].lower() != name:
            end = html.find("</", end + 2)
        end = end if end >= 0 else len(html)
        if name == "title" and not self.title:
            whole = _SPACES.sub(" ", unescape(html[at : min(end, at + _TITLE_CHARS)])).strip()
            self.title, self._whole_title = _TITLE_PARTS.split(whole)[0], whole
        return end

    def _add_tag(self, name: str, attributes: dict[str, str]) -> None:
        if name == "meta":
            key = attributes.get("name") or attributes.get("property") or attributes.get("http-equiv") or ""
            self.metas.append((key.strip().lower(), attributes.get("content", "")[:_META_CHARS]))
        elif name == "input":
            kind, field = attributes.get("type", "").lower(), attributes.get("name", "").lower()
            self._has_password |= kind == "password" and not self._is_around
            self._has_outer_password |= kind == "password" and self._is_around
            self._has_saml |= kind == "hidden" and field in _SAML
        elif name == "base":
            self.base = self.base or attributes.get("href", "")
        elif name == "link":
            if attributes.get("rel", "").strip().lower() == "canonical":
                self.canonical = self.canonical or attributes.get("href", "")
        elif "nofollow" not in attributes.get("rel", "").lower():
            href = attributes.get(_LINKS[name])
            if href and len(self.hrefs) < MAX_LINKS:
                self.hrefs[href] = None
            if href and not self._is_around and len(self._inner_hrefs) < _SIGNS_LINKS:
                self._inner_hrefs.append(href)


def _join(runs: Iterable[_TextRun]) -> str:
    return _SPACES.sub(" ", " ".join(one.text for one in runs)).strip()


def _find_refresh(metas: Iterable[tuple[str, str]]) -> str:
    """Returns the address that a page leaves for by itself, at once; empty without one."""
    refresh = next((_REFRESH.match(content) for name, content in metas if name == "refresh"), None)
    return refresh[2].strip() if refresh and int(refresh[1] or 0) <= _MAX_REFRESH_SECONDS else ""


def _attributes(text: str) -> dict[str, str]:
    """Parses attributes; the first of each name counts, as in a browser."""
    attributes: dict[str, str] = {}
    for name, *values in _PAIR.findall(text[:MAX_TAG_CHARS]):
        attributes.setdefault(name.lower(), unescape("".join(values)))
    return attributes


def _updated_at(metas: dict[str, str], html: str) -> datetime | None:
    dates = [metas[name] for name in _DATES if metas.get(name)]
    in_script = _DATE_MODIFIED.search(html)
    if in_script:
        dates.insert(1, in_script[1])
    return next(filter(None, map(parse_date, dates)), None)
