"""A part of a website: which addresses are in it, and one spelling for each."""

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
    """All that stands below an address: ``https://docs.acme.example/handbook`` is that page and what is under it,
    ``https://docs.acme.example/handbook/start.html`` is the folder of that page."""

    def __init__(self, location: str) -> None:
        start = normalised(location)
        assert start  # options were checked
        self.start: str = start
        head, _, last = start.partition("?")[0].rpartition("/")
        self.prefix = f"{head}/" if not last or _FILE.search(last) else f"{head}/{last}/"

    @cached_property
    def origin(self) -> str:
        """Scheme, host and port, without a slash."""
        parts = urlsplit(self.start)
        return f"{parts.scheme}://{parts.netloc}"

    def url(self, address: str, base: str) -> str | None:
        """The page that an address on another page leads to, if it is of this site."""
        if len(address) > 2 * MAX_URL_CHARS:
            return None
        url = normalised(joined(base, address))
        if url and self.origin.startswith("https:") and url.startswith("http:"):
            url = f"https:{url[5:]}"  # one left over from before the site had a certificate
        return url if url and self.holds(url) else None

    def holds(self, url: str) -> bool:
        """Whether a normalised address is in it."""
        return url.startswith(self.prefix) or url.partition("?")[0] == self.prefix.rstrip("/") or url == self.start

    def path(self, url: str) -> str:
        """What patterns are matched with, unescaped; the first page is ``index.html``."""
        is_below = url.startswith(self.prefix) and url != self.prefix
        return unquote(url.removeprefix(self.prefix)) if is_below else "index.html"


def joined(base: str, address: str) -> str:
    """An address as it stands on a page, made absolute; empty where that cannot be."""
    try:
        return urljoin(base, address.strip())
    except ValueError:  # such as a bracket too many
        return ""


@lru_cache(maxsize=20_000)
def normalised(address: str) -> str | None:
    """An absolute address in the one spelling that is kept, without its fragment and what tracks people.

    None for what is no address of the web, names a user, or is too long.
    """
    try:
        url = httpx.URL(_ESCAPED.sub(_plain, _SESSION.sub("", address.partition("#")[0])))
        is_usable = url.scheme in {"http", "https"} and bool(url.host) and not url.userinfo
    except (httpx.InvalidURL, ValueError):  # the host is looked at last, and may be no name
        return None
    if not is_usable or (url.port or 0) > MAX_PORT:
        return None
    path, _, query = url.raw_path.decode().partition("?")
    kept = "&".join(part for part in query.split("&") if part and not _TRACKING.match(part))
    found = str(url.copy_with(raw_path=(f"{path}?{kept}" if kept else path).encode()))
    return found if len(found) <= MAX_URL_CHARS else None


def without_variants(url: str) -> str:
    """The same for addresses under which a server shows one page: with and without a slash, index or query."""
    return _INDEX.sub("", url.partition("?")[0])


def _plain(escaped: re.Match[str]) -> str:
    char = chr(int(escaped[1], 16))
    return char if _UNRESERVED.fullmatch(char) else escaped[0].upper()
