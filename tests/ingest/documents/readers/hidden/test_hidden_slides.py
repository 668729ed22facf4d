"""Text of a slide that has the colour of its ground, or is beside the slide in a group, is not read."""

import pytest

from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.documents.readers import reader
from tests.ingest.office import frame, pptx, shape, sld

BOX = '<a:xfrm {2}><a:off x="{0}" y="100"/><a:ext cx="{1}" cy="900"/></a:xfrm><a:prstGeom prst="rect"/>'
DARK = '<a:solidFill><a:srgbClr val="103060"/></a:solidFill>'
WHITE = '<a:solidFill><a:srgbClr val="FFFFFE"/></a:solidFill>'
BG = '<a:solidFill><a:schemeClr val="bg1">{}</a:schemeClr></a:solidFill>'
GROUND = "<p:bg><p:bgPr>{}</p:bgPr></p:bg>"


def seen(*slides: str, models: dict[str, str] | None = None) -> str:
    document = reader.read_document(RawDocument(pptx(*slides, models=models), Format.PPTX, "Talk"))
    return "\n".join(block.text or "\n".join(block.lines) for block in document.blocks)


def run(look: str, text: str = "Words", *, more: str = "") -> str:
    return f"<a:p><a:r><a:rPr>{look}{more}</a:rPr><a:t>{text}</a:t></a:r></a:p>"


def box(*paragraphs: str, fill: str = "", x: int = 100, width: int = 900, turn: str = "") -> str:
    made = shape(*paragraphs, place=(0, 0))
    start, end = made.index("<p:spPr>") + 8, made.index("</p:spPr>")
    return made[:start] + BOX.format(x, width, turn) + fill + made[end:]


def slide(tree: str, ground: str) -> str:
    return sld(tree).replace("<p:spTree>", f"{GROUND.format(ground)}<p:spTree>")


@pytest.mark.parametrize(
    "look", [WHITE, f"<a:ln><a:noFill/></a:ln>{WHITE}", BG.format(""), BG.format('<a:lumMod val="98000"/>')]
)
def test_white_text_on_a_white_slide_is_left_out(look: str) -> None:
    assert "Words" not in seen(shape("Seen.", run(look)))
    assert "Words" not in seen(shape("Seen.", run(look), kind="body"))
    assert "Words" not in seen(shape("Seen.") + box(run(look), fill="<a:noFill/>"))


@pytest.mark.parametrize(
    "words",
    [
        shape(run(DARK)),
        shape(run(BG.format('<a:lumMod val="50000"/>'))),
        shape(run(WHITE, more='<a:hlinkClick r:id="x"/>')),
        shape(run(f'<a:ln w="1">{DARK}</a:ln>{WHITE}')),
        shape(run(WHITE, more='<a:highlight><a:srgbClr val="00FF00"/></a:highlight>')),
        box(run(WHITE), fill=DARK),
        box(run(WHITE), fill="<a:gradFill/>"),
        box(fill=DARK, width=5_000) + box(run(WHITE)),
        box(fill=DARK, x=500) + shape(run(WHITE)),
        box(fill="<a:blipFill/>") + box(run(WHITE)),
        "<p:pic><p:spPr/></p:pic>" + box(run(WHITE)),
        slide(shape("Seen.", run(WHITE)), DARK),
        slide(shape("Seen.", run(WHITE)), "<a:gradFill/>"),
    ],
)
def test_text_that_stands_out_from_what_is_behind_it_is_kept(words: str) -> None:
    assert "Words" in seen(words)


@pytest.mark.parametrize(
    "words",
    [
        box(run(DARK), fill=DARK),
        box(fill=DARK, x=4_000) + box(run(WHITE)),
        box(fill=DARK, width=5_000) + box(fill=WHITE, width=5_000) + box(run(WHITE)),
        box(run(WHITE), fill=DARK.replace("/></a", '><a:alpha val="0"/></a:srgbClr></a')),
        slide(shape("Seen.", run(DARK)), DARK),
    ],
)
def test_text_in_the_colour_of_what_is_right_behind_it_is_left_out(words: str) -> None:
    extra = "" if words.startswith("<p:sld") else shape("Seen.")
    assert seen(words + extra).endswith("Seen.")


@pytest.mark.parametrize(
    ("part", "inside", "is_seen"),
    [
        ("slideLayout", f"<p:cSld>{GROUND.format(DARK)}</p:cSld>", True),
        ("slideMaster", f"<p:cSld>{GROUND.format(DARK)}</p:cSld>", True),
        (
            "slideMaster",
            '<p:cSld><p:bg><p:bgRef idx="1003"><a:schemeClr val="bg1"/></p:bgRef></p:bg></p:cSld>',
            True,
        ),
        (
            "slideMaster",
            '<p:cSld><p:bg><p:bgRef idx="1001"><a:schemeClr val="bg1"/></p:bgRef></p:bg></p:cSld>',
            False,
        ),
        ("slideMaster", f"<p:cSld><p:spTree>{box(fill=DARK, width=9_000)}</p:spTree></p:cSld>", True),
        ("slideLayout", f"<p:cSld><p:spTree>{box(fill=DARK, x=9_000)}</p:spTree></p:cSld>", False),
        ("slideMaster", '<p:clrMap bg1="dk1"/>', True),
    ],
)
def test_the_ground_may_be_that_of_the_layout_or_the_master(part: str, inside: str, is_seen: bool) -> None:
    look = WHITE if "clrMap" not in inside else BG.format("")
    found = seen(shape("Seen.") + box(run(look)), models={part: inside})
    assert ("Words" in found) is is_seen


def test_text_on_the_ground_of_a_theme_is_compared_with_the_colour_of_that_theme() -> None:
    theme = (
        '<a:themeElements><a:clrScheme><a:lt1><a:srgbClr val="103060"/></a:lt1></a:clrScheme></a:themeElements>'
    )
    ground = '<p:cSld><p:bg><p:bgRef idx="1001"><a:schemeClr val="bg1"/></p:bgRef></p:bg></p:cSld>'
    models = {"slideMaster": ground, "theme": theme}
    assert "Words" in seen(box(run(WHITE)), models=models)
    assert "Words" not in seen(shape("Seen.") + box(run(DARK)), models=models)


@pytest.mark.parametrize(
    ("style", "fill", "is_seen"),
    [("", "", False), ("<a:tableStyleId>{5}</a:tableStyleId>", "", True), ("", DARK, True), ("", WHITE, False)],
)
def test_white_text_in_a_table_is_left_out_where_its_ground_is_known(style: str, fill: str, is_seen: bool) -> None:
    cell = f"<a:tc><a:txBody>{run(WHITE)}</a:txBody><a:tcPr>{fill}</a:tcPr></a:tc>"
    other = "<a:tc><a:txBody><a:p><a:r><a:t>Seen.</a:t></a:r></a:p></a:txBody></a:tc>"
    table = f"<a:tbl><a:tblPr>{style}</a:tblPr><a:tr>{other}{cell}</a:tr></a:tbl>"
    assert ("Words" in seen(frame(table))) is is_seen


def group(inside: str, *, x: int, size: int = 1_000, of: int = 1_000, at: int = 0, turn: str = "") -> str:
    place = f'<a:off x="{x}" y="0"/><a:ext cx="{size}" cy="{size}"/>'
    inner = f'<a:chOff x="{at}" y="0"/><a:chExt cx="{of}" cy="{of}"/>'
    return f"<p:grpSp><p:grpSpPr><a:xfrm {turn}>{place}{inner}</a:xfrm></p:grpSpPr>{inside}</p:grpSp>"


@pytest.mark.parametrize(
    ("words", "is_seen"),
    [
        (group(box("Words"), x=9_500_000), False),
        (group(box("Words", x=20_000_000), x=0, at=20_000_000), True),
        (group(box("Words"), x=0, at=20_000_000), False),
        (group(box("Words", x=8_000), x=0, size=5_000_000), False),
        (group(box("Words", x=800), x=0, size=5_000_000), True),
        (group(group(box("Words"), x=0), x=-2_000), False),
        (group(group(box("Words"), x=5_000), x=-2_000), True),
        (group(box("Words", x=3_000), x=0, turn='flipH="1"'), False),
        (group(box("Words", x=-3_000), x=0, turn='rot="10800000"'), True),
        (box("Words", x=-1_500, width=1_000, turn='rot="2700000"'), False),
    ],
)
def test_a_shape_is_where_its_groups_put_it(words: str, is_seen: bool) -> None:
    assert ("Words" in seen(shape("Seen.") + words)) is is_seen
