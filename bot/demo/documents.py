"""Serves the demo's documents as pages, so that the sources of an answer can be opened.

Promises to serve only files inside the folder, and that nothing in them runs. Does not decide who may read them:
the server does.
"""

from html import escape
from pathlib import Path

import frontmatter
from markdown_it import MarkdownIt
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from ingest.documents.anchors import AnchorStyle, name_headings

ANCHORS = AnchorStyle.GITHUB  # how the pages name their sections
MARKDOWN, TEXT = (".md", ".markdown"), (".txt",)
PDF, HTML = (".pdf",), (".html", ".htm")
HEADERS = {
    "Content-Security-Policy": "sandbox allow-downloads allow-popups; default-src 'none'; "
    "style-src 'unsafe-inline'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><style>
:root{{color-scheme:light dark}}
body{{font:16px/1.6 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}}
table{{border-collapse:collapse}} td,th{{border:1px solid #8886;padding:.3rem .7rem;text-align:left}}
pre{{overflow:auto;padding:.8rem;background:#8882;border-radius:.4rem}}
</style><body>{body}</body></html>"""


def routes(folder: Path) -> list[Route]:
    """Returns the route ``/docs/PATH``; PATH may omit the file's extension."""
    root = folder.resolve()

    async def document(request: Request) -> Response:
        file = _find(root, request.path_params["path"])
        if file is None:
            return Response("There is no such document.", 404, HEADERS, "text/plain")
        kind = file.suffix.lower()
        if kind in MARKDOWN + TEXT:
            return Response(_page(file), 200, HEADERS, "text/html; charset=utf-8")
        if kind in HTML:
            return Response(file.read_bytes(), 200, HEADERS, "text/html")
        if kind in PDF:  # the policy would block the browser's PDF viewer
            return Response(file.read_bytes(), 200, {"X-Content-Type-Options": "nosniff"}, "application/pdf")
        return FileResponse(file, headers=HEADERS, filename=file.name)

    return [Route("/docs/{path:path}", document)]


def _find(root: Path, path: str) -> Path | None:
    """Returns the file at ``path``, or the first one with an extension added; never one outside the
    folder, nor one below a hidden folder such as ``.git``."""
    exact = root / path
    if exact.is_file():
        candidates = [exact]
    else:
        candidates = sorted(exact.parent.glob("*")) if exact.parent.is_dir() else []
        candidates = [file for file in candidates if file.stem == exact.name and file.is_file()]
    inside = [file.resolve().relative_to(root) for file in candidates if file.resolve().is_relative_to(root)]
    return next((root / file for file in inside if not any(part.startswith(".") for part in file.parts)), None)


def _page(file: Path) -> str:
    text = file.read_text(encoding="utf-8", errors="replace")
    if file.suffix.lower() in TEXT:
        return PAGE.format(title=escape(file.stem), body=f"<pre>{escape(text)}</pre>")
    matter, text = _matter(text)
    title = str(matter.get("title") or file.stem)
    renderer = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    heading = "" if text.lstrip().startswith("# ") else f"<h1>{escape(title)}</h1>"
    tokens = renderer.parse(text)
    headings = [n for n, token in enumerate(tokens) if token.type == "heading_open"]
    texts = ["".join(part.content for part in tokens[n + 1].children or ()) for n in headings]
    if heading:
        texts.insert(0, title)
    names = [*name_headings([(text, "") for text in texts], ANCHORS)][-len(headings) :]
    for n, name in zip(headings, names, strict=bool(headings)):
        tokens[n].attrSet("id", name)
    return PAGE.format(title=escape(title), body=heading + renderer.renderer.render(tokens, renderer.options, {}))


def _matter(text: str) -> tuple[dict[str, object], str]:
    try:
        matter, rest = frontmatter.parse(text)
    except Exception:  # noqa: BLE001  broken front matter is shown unparsed
        return {}, text
    return matter, rest
