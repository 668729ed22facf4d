"""Interprets the answer of a site: it is a page, another document, a move, nothing, or a problem.

Fetches nothing and stores nothing.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import unquote, urlsplit

import httpx

from ingest.documents import formats
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.sources.web import markup
from ingest.sources.web.http_fetcher import HttpResponse, Limit
from ingest.sources.web.site import Site, join, normalise
from ingest.sources.web.walls import WallKind

_OFFICE = "application/vnd.openxmlformats-officedocument"
_ENDINGS = {
    "application/pdf": ".pdf",
    f"{_OFFICE}.wordprocessingml.document": ".docx",
    f"{_OFFICE}.presentationml.presentation": ".pptx",
    f"{_OFFICE}.spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/rtf": ".rtf",
    "application/epub+zip": ".epub",
    "text/markdown": ".md",
    "text/csv": ".csv",
}
_PAGE = "x.html"
_PAGES = {"text/html", "application/xhtml+xml"}
_UNSPECIFIC = {  # types that do not tell; then the ending of the address does
    "",
    "text/plain",
    "application/octet-stream",
    "binary/octet-stream",
    "application/zip",
}
_DATA = {"application/json", "application/xml", "application/javascript", "application/x-javascript"}
_GONE = {404, 410}
_ASKS_FOR_LOGIN = ("asks for a login", "name a variable with its key in authorization_env, or exclude it")
_CLOSED = {401, 403, 407, 451}
_CHARSET = re.compile(  # of Python's codecs those for text: "punycode" takes minutes, "idna" has errors of its own
    r"charset\s*=\s*\"?((?:utf|iso|windows|cp|koi8|mac|gb|big5|euc|shift|x-|ks_c|tis|us-ascii)[\w.:-]{1,40})",
    re.IGNORECASE,
)
_JUST_NOW = timedelta(minutes=1)  # generated pages claim to have been changed at that moment


@dataclass(frozen=True)
class Webpage:
    """A page or another document; ``format`` is None where there is none.

    ``fingerprint`` is of the main text of a page, or of all of another file; ``body`` is of the ``n_words`` of a
    page's main text without its own address. ``canonical`` and ``moved_to`` are
    addresses within the site, or empty; ``left_for`` is one outside it.
    """

    format: Format | None = None
    content: bytes = b""
    fingerprint: str = ""
    body: str = ""
    n_words: int = 0
    is_indexed: bool = True
    links: tuple[str, ...] = ()
    canonical: str = ""
    moved_to: str = ""
    left_for: str = ""
    updated_at: datetime | None = None

    def raw(self, url: str, *, dated: datetime | None = None) -> RawDocument:
        """Returns the document with a title made of its address; ``dated`` is used where it has no date."""
        assert self.format is not None
        return RawDocument(self.content, self.format, title_of(url), self.updated_at or dated)


class AccessDenied(FetchProblem):
    """Access is denied (401, 403). Many in a row mean that the site fails, not its pages."""


class Walled(FetchProblem):
    """A login or an error page stands in the place of a page, with the status of one or behind a redirect."""


class LoginWall(Walled):
    """A login stands in the place of a page."""


def body_limit(url: str, *, max_bytes: int) -> Limit:
    """Limits bodies: pages to ``max_bytes``, other documents to what their format allows, all else to nothing."""

    def n_bytes(status: int, headers: httpx.Headers) -> int:
        name = _name(headers, url) if status == 200 else ""
        if not name:
            return 0
        return max_bytes if formats.max_bytes(name) <= formats.MAX_BYTES else formats.MAX_PACKED_BYTES

    return n_bytes


def interpret(answer: HttpResponse, url: str, site: Site) -> Webpage:
    """Interprets an answer; raises :class:`FetchProblem` for a document that cannot be read, unless it is gone."""
    if answer.redirect:
        return _moved(answer.redirect, url, site)
    if answer.status in _GONE or answer.status == 204:
        return Webpage()
    if answer.status != 200:
        raise _failure(answer.status)
    name = _name(answer.headers, url)
    if not name:
        return _not_a_document(answer, url)
    if answer.is_too_large:
        raise FetchProblem("is too large", "split it into smaller documents, or raise max_bytes")
    if name == _PAGE and not answer.body.startswith(b"%PDF-"):
        return _page(answer, url, site)
    return Webpage(
        format=formats.find_format(name),
        content=answer.body,
        fingerprint=sha256(answer.body).hexdigest(),
        is_indexed="noindex" not in _directives(answer),
        updated_at=_last_modified(answer.headers),
    )


def title_of(url: str) -> str:
    """Makes a title of the last part of an address."""
    path = unquote(urlsplit(url).path).strip("/")
    return formats.title_from_path(path) if path else urlsplit(url).netloc


def _name(headers: httpx.Headers, url: str) -> str:
    """Returns a file's name whose ending tells its format; empty for what is not a document."""
    kind = _kind(headers)
    path = unquote(urlsplit(url).path)
    is_bare = not kind and "." not in path.rpartition("/")[2]
    if is_bare or kind in _PAGES or (kind in _UNSPECIFIC and formats.find_format(path) == "html"):
        return _PAGE
    if kind in _ENDINGS:
        name = f"x{_ENDINGS[kind]}"
    else:
        name = path if kind in _UNSPECIFIC else ""
        name = "x.txt" if kind == "text/plain" and not formats.find_format(name) else name
    return name if formats.find_format(name) else ""


def _kind(headers: httpx.Headers) -> str:
    return str(headers.get("content-type", "")).partition(";")[0].strip().lower()


def _not_a_document(answer: HttpResponse, url: str) -> Webpage:
    """Ignores pictures and data; raises :class:`FetchProblem` for other files, such as an old Word document."""
    path, kind = unquote(urlsplit(url).path), _kind(answer.headers)
    if kind.startswith("application/") and kind not in _DATA and not formats.is_ignored(path):
        raise FetchProblem(*formats.explain_refusal(path))
    return Webpage()


def _moved(redirect: str, url: str, site: Site) -> Webpage:
    target = normalise(join(url, redirect)) or ""
    if markup.is_login(target, site):
        raise LoginWall(*_ASKS_FOR_LOGIN)
    return Webpage(moved_to=target) if site.contains(target) else Webpage(left_for=target or redirect[:200])


def _failure(status: int) -> FetchProblem:
    if status in _CLOSED:
        advice = "open it for Docent (authorization_env can name a variable with a key), or exclude it"
        return AccessDenied(f"may not be read (status {status})", advice)
    may_pass = status >= 500 or status in {408, 425, 429}
    advice = "it is tried again with the next sync" if may_pass else "repair the page, or exclude it"
    return FetchProblem(f"answers with status {status}", advice, may_pass=may_pass)


def _page(answer: HttpResponse, url: str, site: Site) -> Webpage:
    charset = _CHARSET.search(answer.headers.get("content-type", ""))
    content, html = _decode(answer.body, charset[1] if charset else "")
    tags = markup.parse(html, url, site)
    if tags.wall == WallKind.ERROR:
        raise Walled("is an error page without the status of one", "repair the links to it, or exclude it")
    if tags.wall == WallKind.LOGIN or (tags.refresh_target and markup.is_login(tags.refresh_target, site)):
        raise LoginWall(*_ASKS_FOR_LOGIN)
    directives = _directives(answer)
    return Webpage(
        format=Format.WEBPAGE,
        content=content,
        fingerprint=tags.digest or sha256(content).hexdigest(),
        body=tags.body,
        n_words=tags.n_words,
        is_indexed=tags.is_indexed and "noindex" not in directives,
        links=tags.links if "nofollow" not in directives else (),
        canonical="" if tags.canonical == url else tags.canonical,
        moved_to="" if tags.refresh == url else tags.refresh,
        updated_at=tags.updated_at or _last_modified(answer.headers),
    )


def _decode(body: bytes, charset: str) -> tuple[bytes, str]:
    """Returns the bytes to store, and their text; bytes whose encoding only a header tells become UTF-8."""
    try:
        return body, body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        html = body.decode(charset)
    except (LookupError, ValueError):
        return body, body.decode("latin-1")  # enough for links, and to notice changes
    return html.encode("utf-8-sig", errors="replace"), html


def _directives(answer: HttpResponse) -> set[str]:
    return markup.robots_directives(answer.headers.get_list("x-robots-tag"))


def _last_modified(headers: httpx.Headers) -> datetime | None:
    changed = markup.parse_date(headers.get("last-modified", ""))
    sent = markup.parse_date(headers.get("date", ""))
    return None if changed and sent and sent - changed < _JUST_NOW else changed
