"""Says which addresses are part of a website, and gives each one spelling.

Why not courlan for the spelling: it sorts queries and drops parameters without a value, so it may ask for another
page than the link names, and it leaves ``%7E``, ``/a/../``, names and passwords, and ``müller.example`` as they
are (16 of 24 spellings differ, courlan 1.4). Stored documents are named by these addresses.
"""

import re
from functools import cached_property, lru_cache
from urllib.parse import unquote, urljoin, urlsplit

import httpx

MAX_URL_CHARS = 2_000
MAX_PORT = 65_535
_TRACKING = re.compile(
    r"(?:utm_\w+|gclid|dclid|fbclid|msclkid|yclid|mc_[ce]id|_ga|_gl|igshid|phpsessid|jsessionid|sessionid|sid)(?:=|$)",
    re.IGNORECASE,
)
_SESSION = re.compile(r";jsessionid=[^/?]*", re.IGNORECASE)
_ESCAPED = re.compile(r"%([0-9a-fA-F]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")  # RFC 3986, section 2.3: escaped or not, they are the same
_INDEX = re.compile(r"/(?:(?:index|default)\.\w{3,5})?$")
_FILE = re.compile(r"\.(?:x?html?|php|aspx?|jsp|md)$", re.IGNORECASE)  # an ending alone may be that of a version


class Site:
    """The pages below an address.

    ``https://docs.acme.example/handbook`` is that page and those under it;
    ``https://docs.acme.example/handbook/start.html`` is the folder of that page.
    """

    def __init__(self, location: str) -> None:
        start = normalise(location)
        assert start  # options were checked
        self.start: str = start
        head, _, last = start.partition("?")[0].rpartition("/")
        self.prefix = f"{head}/" if not last or _FILE.search(last) else f"{head}/{last}/"

    @cached_property
    def origin(self) -> str:
        """Returns scheme, host and port, without a slash."""
        parts = urlsplit(self.start)
        return f"{parts.scheme}://{parts.netloc}"

    def url(self, address: str, base: str) -> str | None:
        """Resolves an address on a page of this site; None where it leads out of the site."""
        if len(address) > 2 * MAX_URL_CHARS:
            return None
        url = normalise(join(base, address))
        if url and self.origin.startswith("https:") and url.startswith("http:"):
            url = f"https:{url[5:]}"  # a link from before the site had a certificate
        return url if url and self.contains(url) else None

    def contains(self, url: str) -> bool:
        """Returns whether a normalised address is part of the site."""
        return url.startswith(self.prefix) or url.partition("?")[0] == self.prefix.rstrip("/") or url == self.start

    def path(self, url: str) -> str:
        """Returns the path that patterns are matched with, unescaped; the first page is ``index.html``."""
        is_below = url.startswith(self.prefix) and url != self.prefix
        return unquote(url.removeprefix(self.prefix)) if is_below else "index.html"


def join(base: str, address: str) -> str:
    """Makes an address found on a page absolute; returns an empty text where that is impossible."""
    try:
        return urljoin(base, address.strip())
    except ValueError:  # such as a bracket too many
        return ""


@lru_cache(maxsize=20_000)
def normalise(address: str) -> str | None:
    """Returns the one spelling of an absolute address, without its fragment and tracking parameters.

    None for what is not a web address, contains a user's name, or is too long.

    >>> normalise("HTTPS://Docs.Acme.Example:443/%7Ejoe/a/../b?utm_source=x&page=2#top")
    'https://docs.acme.example/~joe/b?page=2'
    """
    try:
        url = httpx.URL(_ESCAPED.sub(_unescape, _SESSION.sub("", address.partition("#")[0])))
        is_usable = url.scheme in {"http", "https"} and bool(url.host) and not url.userinfo
    except (httpx.InvalidURL, ValueError):  # the host is checked last, and may be invalid
        return None
    if not is_usable or (url.port or 0) > MAX_PORT:
        return None
    path, _, query = url.raw_path.decode().partition("?")
    query = "&".join(part for part in query.split("&") if part and not _TRACKING.match(part))
    normal = str(url.copy_with(raw_path=(f"{path}?{query}" if query else path).encode()))
    return normal if len(normal) <= MAX_URL_CHARS else None


def strip_variants(url: str) -> str:
    """Returns the same text for addresses of one page: with and without a slash, index or query."""
    return _INDEX.sub("", url.partition("?")[0])


def _unescape(escaped: re.Match[str]) -> str:
    char = chr(int(escaped[1], 16))
    return char if _UNRESERVED.fullmatch(char) else escaped[0].upper()
