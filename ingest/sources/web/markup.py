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
from hashlib import sha256
from html import unescape
from urllib.parse import urlsplit

from ingest.sources.web import walls
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
_LOGIN = re.compile(r"/(?:log-?in|sign-?in|wp-login)(?:\.\w+)?/?$", re.IGNORECASE)
_LOGIN_PATH = re.compile(
    r"/(?:log-?in|sign-?in|sso|saml2?|oauth2?|adfs|cas|wp-login|auth|authorize)(?:[/.]|$)", re.IGNORECASE
)
_LOGIN_HOST = re.compile(r"(?:login|signin|sso|auth|accounts|idp?)\.", re.IGNORECASE)
_DIRECTIVES_WITH_VALUE = {"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"}
_SPACES = re.compile(r"\s+")
_TITLE_CHARS = 300
_TITLE_PARTS = re.compile(r"\s[|–—·-]\s")
_SIGNS_CHARS, _SIGNS_LINKS, _HEADING_PIECES = 5_000, 50, 20
_META_CHARS = 3_000
_FUTURE = timedelta(days=1)  # a date later than that is a mistake


@dataclass(frozen=True)
class Markup:
    """What the tags of a page say.

    ``digest`` is equal for equal main texts, and empty without text; so is ``body``, but for texts that name their
    own address; ``canonical`` and ``refresh`` are addresses within the site, or empty; ``refresh_target`` is any;
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
        body=tags.digest(without=(url, urlsplit(url).path)),
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


class _Tags:
    """Collects tags and texts in one pass over a page."""

    def __init__(self) -> None:
        self.metas: list[tuple[str, str]] = []
        self.hrefs: dict[str, None] = {}
        self.base = self.canonical = self.title = self._whole_title = ""
        self._heading: list[str] = []
        self._form_texts: list[str] = []
        self._actions: list[str] = []
        self._has_password = self._has_saml = False
        self._texts: list[str] = []
        self._main_texts: list[str] = []
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
                self._add_tag(name, _attributes(tag["attributes"]))
            elif name:
                self._n_open[name] = max(0, self._n_open[name] + (-1 if tag["end"] else 1))
                if name == "form" and not tag["end"] and not self._is_around:
                    self._actions.append(_attributes(tag["attributes"]).get("action", ""))
        self._add_text(html[at:])

    @property
    def text(self) -> str:
        """The main text."""
        return _SPACES.sub(" ", " ".join(self._main_texts or self._texts)).strip()

    def digest(self, *, without: Iterable[str] = ()) -> str:
        """Returns a digest of title and text ``without`` these parts."""
        text = self.text
        for part in without:
            text = text.replace(part, "") if len(part) > 1 else text
        return sha256(f"{self.title}\n{text}".encode(errors="replace")).hexdigest() if text else ""

    def signs(self, url: str, site: Site) -> PageSigns:
        """Returns what shows whether this is a page of its own."""
        actions = [join(url, action) for action in self._actions]
        return PageSigns(
            titles=_TITLE_PARTS.split(self._whole_title),
            heading=_SPACES.sub(" ", unescape("".join(self._heading))).strip(),
            text=unescape(self.text[:_SIGNS_CHARS]),
            form_text=unescape(" ".join(self._form_texts)[:_SIGNS_CHARS]),
            has_password=self._has_password,
            has_login_form=self._has_saml or any(is_login(action, site) for action in actions if action != url),
            has_login_link=any(is_login(join(url, href), site) for href in [*self.hrefs][:_SIGNS_LINKS]),
        )

    @property
    def _is_around(self) -> bool:
        """Whether what comes now stands around the main text."""
        n = self._n_open
        return any(n[name] for name in _AROUND) or bool(n["header"] and not n["main"] and not n["article"])

    def _add_text(self, text: str) -> None:
        n = self._n_open
        if not text or text.isspace() or any(n[name] for name in _AROUND):
            return
        if n["h1"] and len(self._heading) < _HEADING_PIECES:
            self._heading.append(text)
        if n["main"]:
            self._main_texts.append(text)
        elif not n["header"] or n["article"]:
            self._texts.append(text)
        if n["form"]:
            self._form_texts.append(text)

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
