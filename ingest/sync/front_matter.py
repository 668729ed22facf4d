"""Checks the readers that a page's front matter names."""

from dataclasses import replace

from ingest.access import principals
from ingest.documents.blocks import Document, Gap

ADVICE = f"write, between two lines of three dashes, readers: [everyone], or {principals.WAYS}"
MAX_SHOWN_CHARS = 60


def check_readers(document: Document) -> tuple[Document, tuple[str, ...] | None]:
    """Returns the principals that a document names, and the document, with a gap where what it names is no reader.

    Where nothing it names is one, the principals are none, and so it is for nobody.
    """
    if document.readers is None:
        return document, None
    own, mistakes = [], []
    for text in document.readers:
        try:
            own.append(principals.parse_principal(text))
        except ValueError:
            mistakes.append(text[:MAX_SHOWN_CHARS])
    if not mistakes and (own or document.gap):
        return document, tuple(own)
    named = ", ".join(repr(text) for text in mistakes) or "nothing"
    rest = "so only the others it names may read it" if own else "so nobody may read it"
    more = f", and {document.gap.cause}" if document.gap else ""
    gap = Gap(f"names {named} in its front matter as a reader, which is none, {rest}{more}", ADVICE)
    return replace(document, gap=gap), tuple(own)
