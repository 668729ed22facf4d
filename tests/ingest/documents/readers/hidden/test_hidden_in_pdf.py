"""Text of a PDF in the colour of what is under it, on a layer that is off, or in the place of an unseen shape."""

import pytest

from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.documents.readers import reader
from tests.ingest import paper

WORDS = b"BT /F1 12 Tf %s 60 600 Td (Words) Tj ET\n"
DARK, OTHER = b"0.1 0.2 0.4", b"0.9 0.2 0.1"
GROUND = b"q %s rg %s re f Q\n"
WIDE, BESIDE, HALF = b"50 590 200 30", b"300 590 200 30", b"70 590 200 30"
SCAN = b"q 600 0 0 800 0 0 cm /Im Do Q\n"


def seen(page: bytes, *, layers: tuple[bool, ...] = ()) -> str:
    content = paper.drawn_pdf(paper.line("Seen.") + page, layers=layers)
    document = reader.read_document(RawDocument(content, Format.PDF, "Paper"))
    return " ".join(block.text or "\n".join(block.lines) for block in document.blocks)


def words(colour: bytes) -> bytes:
    return WORDS % (colour + b" rg")


@pytest.mark.parametrize(
    "page",
    [
        GROUND % (DARK, WIDE) + words(DARK),
        GROUND % (DARK, WIDE) + words(b"0.12 0.21 0.41"),
        GROUND % (OTHER, WIDE) + GROUND % (DARK, WIDE) + words(DARK),
        SCAN + GROUND % (DARK, WIDE) + words(DARK),
    ],
)
def test_text_on_a_rectangle_of_its_own_colour_is_left_out(page: bytes) -> None:
    assert seen(page) == "Seen."


@pytest.mark.parametrize(
    "page",
    [
        GROUND % (OTHER, WIDE) + words(DARK),
        GROUND % (DARK, BESIDE) + words(DARK),
        GROUND % (DARK, HALF) + words(DARK),
        words(DARK) + GROUND % (DARK, BESIDE),
        GROUND % (DARK, WIDE) + GROUND % (OTHER, WIDE) + words(DARK),
        GROUND % (DARK, WIDE) + GROUND % (OTHER, HALF) + words(DARK),
        GROUND % (DARK, WIDE) + SCAN + words(DARK),
        GROUND % (DARK, WIDE) + words(b"1 1 1"),
        b"q %s RG %s re S Q\n" % (DARK, WIDE) + words(DARK),
        b"q %s rg 50 590 m 250 620 l 250 590 l f Q\n" % DARK + words(DARK),
        b"q 50 590 10 30 re W n %s rg %s re f Q\n" % (DARK, WIDE) + words(DARK),
        b"q %s rg 50 590 m 60 640 90 640 250 590 c 250 590 l f Q\n" % DARK + words(DARK),
    ],
)
def test_text_that_stands_out_from_what_is_under_it_is_kept(page: bytes) -> None:
    assert "Words" in seen(page)


@pytest.mark.parametrize("is_shown", [True, False])
def test_text_on_a_layer_is_read_where_the_layer_is_on(is_shown: bool) -> None:
    page = b"/OC /L0 BDC %s EMC\n" % words(DARK)
    assert ("Words" in seen(page, layers=(is_shown,))) is is_shown
    nested = b"/OC /L0 BDC /OC /L1 BDC %s EMC EMC\n" % words(DARK)
    assert ("Words" in seen(nested, layers=(True, is_shown))) is is_shown


@pytest.mark.parametrize(
    ("colour", "mode", "is_seen"),
    [(b"0 0 0", b"0", True), (b"1 1 1", b"0", False), (b"0 0 0", b"3", False)],
)
def test_a_text_in_the_place_of_a_shape_is_read_where_the_shape_is_seen(
    colour: bytes, mode: bytes, is_seen: bool
) -> None:
    shape = b"BT /F2 12 Tf %s rg %s Tr 60 600 Td (\x01) Tj ET" % (colour, mode)
    page = b"/Span << /ActualText (Words) >> BDC %s EMC\n" % shape
    assert ("Words" in seen(page)) is is_seen
