"""The page: the workspace in a browser.

Owns the files under `page/`, which are plain HTML, CSS and modules without a build; `page/vendor/` has the
libraries they use. Promises that the page loads nothing from anywhere else and that, where the browser knows
Trusted Types, only DOMPurify and lit-html make markup out of strings. All it shows and does goes through
`/_control/`.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FILES = Path(__file__).parents[1] / "page"
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types dompurify lit-html"
)
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def routes() -> list[Route]:
    """Returns the routes of the page and its files."""
    return [Route("/", index), Route("/page/{name:path}", file)]


async def index(request: Request) -> Response:
    """Answers with the page."""
    return _answer("index.html")


async def file(request: Request) -> Response:
    """Answers with one of its files."""
    return _answer(request.path_params["name"])


def _answer(name: str) -> Response:
    if name not in _names():
        return Response("There is no such file.", 404, HEADERS, "text/plain")
    return Response((FILES / name).read_bytes(), 200, HEADERS, CONTENT_TYPES[Path(name).suffix])


def _names() -> set[str]:
    """Returns the files that may be served, by their paths below `FILES`."""
    files = (path for path in FILES.rglob("*") if path.is_file() and path.suffix in CONTENT_TYPES)
    return {path.relative_to(FILES).as_posix() for path in files}
