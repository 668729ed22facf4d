"""Which files are documents: formats by a name's ending, size limits, and advice for unsupported files."""

from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from ingest.documents import ocr


class Format(StrEnum):
    """How a document is parsed. The values are stored and sent to the child process."""

    MARKDOWN = "markdown"
    TEXT = "text"
    HTML = "html"
    WEBPAGE = "webpage"  # HTML with a site around its main text
    PDF = "pdf"
    DOCX = "docx"
    PPTX = "pptx"
    OPENDOCUMENT = "opendocument"
    RTF = "rtf"
    EPUB = "epub"
    SHEET = "sheet"
    CSV = "csv"
    JSON = "json"
    NOTEBOOK = "notebook"
    MAIL = "mail"
    OUTLOOK = "outlook"
    PICTURE = "picture"  # where text recognition is on


FORMATS: dict[str, Format] = {
    **dict.fromkeys((".md", ".markdown", ".mdx", ".mkd", ".qmd", ".rmd"), Format.MARKDOWN),
    **dict.fromkeys((".txt", ".text", ".rst", ".adoc", ".asciidoc", ".org"), Format.TEXT),
    **dict.fromkeys((".html", ".htm", ".xhtml"), Format.HTML),
    ".pdf": Format.PDF,
    **dict.fromkeys((".docx", ".docm", ".dotx"), Format.DOCX),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".potx"), Format.PPTX),
    **dict.fromkeys((".odt", ".ott", ".odp"), Format.OPENDOCUMENT),
    ".rtf": Format.RTF,
    ".epub": Format.EPUB,
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), Format.SHEET),
    **dict.fromkeys((".csv", ".tsv"), Format.CSV),
    ".json": Format.JSON,
    ".ipynb": Format.NOTEBOOK,
    ".eml": Format.MAIL,
    ".msg": Format.OUTLOOK,
    **dict.fromkeys((".png", ".jpg", ".jpeg"), Format.PICTURE),
}
MAX_BYTES = 5_000_000  # a larger text file is a log or a dump, and one answer's worth of it is noise
MAX_PACKED_BYTES = 50_000_000  # the others contain pictures too
_TEXTUAL = {Format.MARKDOWN, Format.TEXT, Format.HTML, Format.WEBPAGE, Format.CSV, Format.JSON}
_PAGES = {".md", ".markdown", ".mdx", ".txt"}  # shown as pages by a site; others are served under their whole name
_BARE = {"readme", "faq", "changelog", "contributing"}  # text without an ending


def _endings(text: str) -> set[str]:
    return {f".{ending}" for ending in text.split()}


_ARCHIVES = _endings("zip 7z rar tar gz tgz bz2 xz zst jar war cab")
_ADVICE = {
    **dict.fromkeys(_ARCHIVES, "unpack it"),
    **dict.fromkeys(_endings("doc dot wpd wps pages"), "save it as .docx"),
    **dict.fromkeys(_endings("ppt pps pot key"), "save it as .pptx"),
    **dict.fromkeys(_endings("numbers wks"), "save it as .xlsx"),
    **dict.fromkeys(_endings("vsd vsdx xps djvu pub odg drawio"), "save it as .pdf"),
    **dict.fromkeys(_endings("pst mbox"), "save its messages as .eml"),
}
_OTHERWISE = "save it as .pdf, .docx, .md or .txt"

_PICTURES = _endings("png jpg jpeg gif webp bmp ico tif tiff svg heic avif eps ai psd sketch fig xcf raw cur icns")
_SOUND = _endings("mp3 wav ogg oga flac m4a aac wma mp4 m4v mov avi mkv webm wmv ogv mpg mpeg vtt srt")
_OF_SITES = _endings("css scss sass less map woff woff2 ttf otf eot xml xsl xslt xsd dtd rss atom njk liquid erb")
_OF_SITES |= _endings("hbs ejs pug twig jinja j2 tmpl webmanifest")
_CODE = _endings(
    "js mjs cjs jsx ts tsx vue svelte astro py pyi pyc pyo rb go rs java kt kts scala c h cc cpp hpp m mm"
)
_CODE |= _endings("cs fs vb php pl pm r jl lua dart swift ex exs erl hs clj elm sql sh bash zsh fish ps1 bat cmd")
_CODE |= _endings(
    "yaml yml toml ini cfg conf env properties lock sum mod gradle tf tfvars hcl proto graphql cmake mk"
)
_CODE |= _endings("log bak tmp swp orig rej diff patch pem crt sig asc snap po mo bib cls sty")
_CODE |= _endings("so dll dylib o a class wasm exe msi dmg iso img pkl parquet db sqlite lnk url")
_IGNORED = _PICTURES | _SOUND | _OF_SITES | _CODE
_IGNORED_NAMES = (
    *(
        "package*.json",
        "tsconfig*.json",
        "composer.json",
        "bower.json",
        "manifest.json",
        "*lock.json",
        "*config.json",
    ),
    *("*rc.json", "*.schema.json", "renovate.json", "vercel.json", "firebase.json", "lerna.json", "nx.json"),
    *("requirements*.txt", "robots.txt", "humans.txt", "cmakelists.txt", "thumbs.db", "desktop.ini"),
)


def find_format(path: str) -> Format | None:
    """Returns the format that a file's name promises, None for a file of another kind.

    >>> find_format("Travel Rules.DOCX")
    <Format.DOCX: 'docx'>
    """
    suffix = _suffix(path)
    if not suffix and PurePosixPath(path).name.lower() in _BARE:
        return Format.TEXT
    return None if is_ignored(path) else FORMATS.get(suffix)


def is_ignored(path: str) -> bool:
    """Returns whether a file is skipped without a report: a font, code, a lock file; a picture, unless
    pictures are recognised."""
    name = PurePosixPath(path).name.lower()
    if "." not in name.lstrip("."):
        return name not in _BARE
    if FORMATS.get(_suffix(path)) == Format.PICTURE:
        return not ocr.reads_pictures()
    return _suffix(path) in _IGNORED or any(fnmatchcase(name, pattern) for pattern in _IGNORED_NAMES)


def explain_refusal(path: str) -> tuple[str, str]:
    """Returns cause and advice for a file in an unsupported format."""
    suffix = _suffix(path)
    kind = f"({suffix})" if suffix else "(its name has no ending)"
    return f"has an unsupported type {kind}", f"{_ADVICE.get(suffix, _OTHERWISE)}, or leave it out with exclude"


def max_bytes(path: str) -> int:
    """Returns how large a file of this name may be."""
    return MAX_BYTES if find_format(path) in _TEXTUAL else MAX_PACKED_BYTES


def may_hold_scans(path: str) -> bool:
    """Returns whether a file of this name may have pages to recognise; one without a known ending may."""
    return find_format(path) in {Format.PDF, Format.PICTURE, None}


def is_page(path: str) -> bool:
    """Returns whether a site shows such a file as a page, under its name without the ending."""
    return _suffix(path) in _PAGES


def is_index(path: str) -> bool:
    """Returns whether a file is its folder's page, served under the folder's address."""
    return PurePosixPath(path).stem == "index" and find_format(path) in {Format.MARKDOWN, Format.TEXT, Format.HTML}


def title_from_path(path: str) -> str:
    """Returns a title for a document without one: its file's name, or its folder's for an index or a README."""
    pure = PurePosixPath(path)
    is_of_folder = pure.stem.lower() in {"index", "readme"} and len(pure.parts) > 1
    words = (pure.parent.name if is_of_folder else pure.stem).replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()
