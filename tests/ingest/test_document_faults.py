"""Faults of documents met in the field: what is found of each, and what is listed.

A row is a file as it comes, made here; texts that its chunks contain, in this order; texts that they do not; and
the cause that is listed, if any. To add one, append to ``FAULTS``.
"""

import base64
import json
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.types import Audience
from ingest.documents import chunking, formats
from ingest.documents.raw import RawDocument
from ingest.documents.recognition import ScanReader
from ingest.library import DocumentCondition, Library
from tests.ingest import paper
from tests.ingest.conftest import InThisProcess
from tests.ingest.office import ods, ods_row, opendocument, pptx, shape, xlsx
from tests.ingest.paper import drawn_pdf, line, paragraph
from tests.library import sync_folder


@dataclass(frozen=True)
class Fault:
    """One row: a file, what its chunks contain in this order and what not, how many there are at most, and what is
    listed."""

    name: str
    content: bytes
    found: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    listed: str = ""
    most_chunks: int = 10


TEXT = line("The gate opens at six.") + line("It closes at ten.", y=400)
PICTURE = b"q 600 0 0 800 0 0 cm /Im Do Q\n"
DARK = bytes(range(30, 55))
WHITE = b"q 600 0 0 800 0 0 cm BI /W 2 /H 2 /CS /G /BPC 8 ID \xff\xff\xff\xff EI Q\n"
GLYPH = b"1 0 d0 0 0 0.5 0.5 re f"
TYPE3 = (  # whose letter is the third page's operators
    b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [1 0 0 1 0 0] /FirstChar 1 /LastChar 1 "
    b"/Widths [1] /Encoding << /Type /Encoding /Differences [1 /g1] >> /CharProcs << /g1 11 0 R >> >>"
)
UNKNOWN = b"".join(b"BT /F2 10 Tf 60 %d Td (%s) Tj ET\n" % (700 - 15 * n, b"\\001" * 40) for n in range(30))
COMPOUND = b"".join(  # each line is one path
    b"".join(b"%d %d m %d %d l %d %d l " % (x, y, x + 3, y + 5, x + 5, y) for x in range(60, 500, 8)) + b"S\n"
    for y in range(200, 700, 12)
)
WHITE_SHEET = drawn_pdf(TEXT, PICTURE, picture=b"\xff" * 25)
LOGO = b"q 60 0 0 60 20 720 cm /Im Do Q\n"
PHOTO = '<p:pic><p:nvPicPr><p:cNvPr id="4" name="x"/></p:nvPicPr></p:pic>'
LIGATURE = (
    b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding << /Type /Encoding /Differences [1 /g9] >> >>"
)
OFFICE = b"BT /F1 10 Tf 60 700 Td (The o) Tj /F2 10 Tf /Span << /ActualText (ffi) >> BDC (\\001) Tj EMC "
OFFICE += b"/F1 10 Tf (ce opens at six.) Tj ET"
TAGGED = b"BT /F1 10 Tf 60 700 Td (The o) Tj /F2 10 Tf /Span << /MCID 0 >> BDC (\\001) Tj EMC "
TAGGED += b"/F1 10 Tf (ce opens at six.) Tj ET"


def replaced(text: str, x: float, y: float = 700, shape: bytes = b"(\\001) Tj") -> bytes:
    """The operators of a shape that stands for a text, which is ``\\001`` of a font that says nothing of it."""
    shown = b"BT /F2 10 Tf %d %d Td %s ET" % (x, y, shape) if shape.endswith(b"Tj") else shape
    return b"/Span << /ActualText (%s) >> BDC %s EMC\n" % (text.encode(), shown)


WIFI = b"BT /F1 10 Tf 60 700 Td (wi) Tj /F2 10 Tf " + b" ".join(
    b"1 0 0 1 %s 700 Tm /Span << /ActualText (fi) >> BDC (\\001) Tj EMC" % x for x in (b"69.4", b"75")
)
WIFI += b" /F1 10 Tf 1 0 0 1 80.6 700 Tm (x) Tj ET"
TICKS = b"".join(line(f"Plan {n} has it:", y=700 - 20 * n) for n in range(4))
TICKS += b"".join(replaced("Yes", 300, 700 - 20 * n) for n in range(4))
ONLY = b"".join(replaced(*one) for one in zip("Hours", (60, 67, 73, 78, 82), strict=True)) + replaced(
    "change.", 90
)
PAINTED = b"q 20 0 0 10 60 680 cm /Im Do Q"
LEFT = [
    "The gate of the office opens at six in",
    "the morning and closes at ten in the",
    "evening on all working days.",
]
RIGHT = ["Bicycles are parked in the yard behind", "the kitchen. Cars need a permit, which", "the desk gives out."]
DATA = base64.b64encode(random.Random(14).randbytes(300_000)).decode()
ADDRESS = f"data:image/png;base64,{DATA}"
LINES = "\n".join(DATA[i : i + 76] for i in range(0, 50_000, 76))
WRAPPED = f"The gate.\n\n![Map](data:image/png;base64,{LINES})\n\nIt opens at six."
FOLDERS = ["Company", "HumanResources", "Policies", "2024", "AnnualLeave", "CarryOver3", "Europe", "Berlin7"]
PATHS = "\n".join(("/" + "/".join(FOLDERS[n % 4 :] + FOLDERS[: n % 4]))[: 60 + n % 2] for n in range(20))
EQUAL_PATHS = "\n".join(path[:60] for path in PATHS.split("\n"))
DIGESTS = "\n".join(DATA[i : i + 86] for i in range(0, 13 * 86, 86))
NUMBER = (
    '<w:p><w:r><w:t>Page </w:t></w:r><w:fldSimple w:instr=" PAGE "><w:r><w:t>7</w:t></w:r></w:fldSimple></w:p>'
)
CHANGED = (
    '<w:p><w:r><w:t>Valid from May</w:t></w:r><w:del w:id="1"><w:r><w:delText> 2019</w:delText></w:r></w:del>'
    '<w:ins w:id="2"><w:r><w:t> 2024</w:t></w:r></w:ins></w:p>'
)
ODT_STYLES = (
    '<o:document-styles xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><o:master-styles><style:master-page>'
    "<style:header><text:p>Valid from May 2024</text:p></style:header><style:footer><text:p>Page "
    "<text:page-number>7</text:page-number></text:p></style:footer></style:master-page></o:master-styles>"
    "</o:document-styles>"
)
MONEY = (
    '<numFmts><numFmt numFmtId="164" formatCode="&quot;$&quot;#,##0.00"/>'
    '<numFmt numFmtId="165" formatCode="d mmm yyyy"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="10"/></cellXfs>'
)


def cell(place: str, value: str | float, style: int = 0) -> str:
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c r="{place}" s="{style}"><v>{value}</v></c>'


def sheet(*rows: str, merged: str = "") -> str:
    numbered = "".join(f'<row r="{n}">{row}</row>' for n, row in enumerate(rows, 1))
    ranges = "".join(f'<mergeCell ref="{range_}"/>' for range_ in merged.split())
    return f"<sheetData>{numbered}</sheetData>" + (f"<mergeCells>{ranges}</mergeCells>" if ranges else "")


FEES = sheet(
    cell("A1", "Plan") + cell("B1", "Fee"),
    cell("B2", "Monthly") + cell("C2", "Yearly"),
    cell("A3", "Basic") + cell("B3", 420, 1) + cell("C3", 4200.5, 1),
    cell("A4", "Pro") + cell("B4", 0.195, 3) + cell("C4", 45292, 2),
    merged="B1:C1 A1:A2",
)
CHANNELS = sheet(
    cell("B1", "Fee"),
    cell("B2", "Online") + cell("D2", "Shop"),
    cell("A3", "Plan")
    + "".join(cell(f"{at}3", name) for at, name in zip("BCDE", ["Monthly", "Yearly"] * 2, strict=True)),
    cell("A4", "Basic") + "".join(cell(f"{at}4", n, 1) for n, at in enumerate("BCDE", 1)),
    merged="B1:E1 B2:C2 D2:E2",
)
APPROVERS = sheet(
    cell("B1", "Approver") + cell("D1", "Note"),
    cell("A2", "Plan") + cell("B2", "First") + cell("C2", "Second"),
    cell("A3", "Basic") + cell("B3", "Anna") + cell("C3", "Bob") + cell("D3", "by mail"),
    merged="B1:C1",
)
ADDRESSES = sheet(
    cell("A1", "Name") + cell("B1", "Address"),
    cell("A2", "Anna") + cell("B2", "Elm Street") + cell("C2", "Rome"),
    cell("A3", "Bob") + cell("B3", "Oak Street") + cell("C3", "Berlin"),
    merged="B1:C1",
)
FORM = sheet(
    *(
        cell("A1", "North") * (n == 1)
        + cell(f"B{n}", f"Who {'abcdef'[n]}")
        + cell(f"D{n}", f"Where {'abcdef'[n]}")
        for n in range(1, 6)
    ),
    merged="A1:A5 " + " ".join(f"B{n}:C{n} D{n}:E{n}" for n in range(1, 6)),
)
FORMULAS = sheet(
    cell("A1", "Plan") + cell("B1", "Fee") + cell("C1", "Note"),
    cell("A2", "Basic") + '<c r="B2"><f>A9*2</f></c><c r="C2" t="str"><f>""</f><v></v></c>',
    cell("A3", "Pro") + '<c r="B3"><f>A9*3</f><v/></c>' + cell("C3", "new"),
    cell("A4", "Big") + '<c r="B4"><f>1+1</f><v>2</v></c><c r="C4"><f>A9</f></c>',
)
SPANNED = '<table:table-cell office:value-type="string" table:number-columns-spanned="2"><text:p>Fee</text:p>'
ODS = ods(
    ods_row("Plan", f"{SPANNED}</table:table-cell>", "<table:covered-table-cell/>")
    + ods_row("<table:table-cell/>", "Monthly", "Yearly")
    + ods_row(
        "Basic",
        '<table:table-cell office:value-type="currency" office:value="420"><text:p>$420.00</text:p>'
        "</table:table-cell>",
        '<table:table-cell table:formula="of:=[.B3]*10"/>',
    )
    + ods_row(
        "Pro",
        '<table:table-cell office:value-type="percentage" office:value="0.195"><text:p>19.5%</text:p>'
        "</table:table-cell>",
        '<table:table-cell office:value-type="date" office:date-value="2024-12-31"><text:p>31.12.2024</text:p>'
        "</table:table-cell>",
    )
)
APPROVERS_ODS = ods(
    ods_row("<table:table-cell/>", f"{SPANNED}</table:table-cell>".replace("Fee", "Approver"))
    + ods_row("Plan", "First", "Second")
    + ods_row("Basic", "Anna", "Bob")
)

FAULTS = [
    # Pages of a PDF that hold no text
    Fault(
        "scan.pdf", drawn_pdf(TEXT, TEXT, *[PICTURE] * 8), ("six", "six"), (), "pages 3–10 hold no text (scanned?)"
    ),
    Fault(
        "stamped.pdf",
        drawn_pdf(TEXT, PICTURE + line("Acme", y=780) + line("Page 2", y=20), b"", TEXT, PICTURE),
        ("six", "ten"),
        (),
        "pages 2 and 5 hold no text or hardly any (scanned?)",
    ),
    Fault(
        "titled.pdf",
        drawn_pdf(TEXT, PICTURE + line("The map of the yard", y=760)),
        ("six", "The map of the yard"),
        (),
        "page 2 holds hardly any text (scanned?)",
    ),
    Fault(
        "unmapped.pdf",
        drawn_pdf(TEXT, UNKNOWN, GLYPH, font=TYPE3),
        ("six",),
        (),
        "page 2 holds no text (scanned?)",
    ),
    Fault("paths.pdf", drawn_pdf(TEXT, COMPOUND), ("six",), (), "page 2 holds no text (scanned?)"),
    Fault("dark.pdf", drawn_pdf(TEXT, PICTURE, picture=DARK), ("six",), (), "page 2 holds no text (scanned?)"),
    Fault(
        "duplex.pdf",
        drawn_pdf(TEXT, *[PICTURE, WHITE] * 45),
        ("six",),
        (),
        f"pages {', '.join(map(str, range(2, 62, 2)))} and 15 more hold no text (scanned?)",
    ),
    Fault(
        "many-backs.pdf",
        drawn_pdf(TEXT, *[WHITE] * 400),
        ("six",),
        (),
        "100 pages without text were not looked at (blank, or scanned?)",
    ),
    Fault(
        "outlines.pdf",
        drawn_pdf(TEXT, b"".join(b"%d %d m %d %d l S\n" % (x, x, x + 3, x + 5) for x in range(60, 400))),
        ("six",),
        (),
        "page 2 holds no text (scanned?)",
    ),
    Fault(
        "pictures.pptx",
        pptx(shape("Leave", kind="title") + shape("Ask."), PHOTO, PHOTO, ""),
        ("Ask.",),
        ("Slide",),
        "slides 2–3 hold no text, only pictures",
    ),
    # What a page gives in the place of shapes, and columns
    Fault("ligature.pdf", drawn_pdf(OFFICE, font=LIGATURE), ("The office opens at six.",), ("o ce",)),
    Fault(
        "tagged.pdf", drawn_pdf(TAGGED, font=LIGATURE, replaced=["ffi"]), ("The office opens at six.",), ("o ce",)
    ),
    Fault("twice.pdf", drawn_pdf(WIFI, font=LIGATURE), ("wififix",)),
    Fault("ticks.pdf", drawn_pdf(TICKS, font=LIGATURE), ("Plan 0 has it:", "Yes", "Plan 3", "Yes")),
    Fault("last.pdf", drawn_pdf(TEXT + replaced("Last words", 60, 100), font=LIGATURE), ("ten.", "Last words")),
    Fault(
        "alone.pdf",
        drawn_pdf(line("The gate.") + replaced("Alone", 60, 600) + line("It opens.", y=500), font=LIGATURE),
        ("The gate.", "Alone", "It opens."),
    ),
    Fault("only.pdf", drawn_pdf(ONLY, font=LIGATURE), ("Hours change.",)),
    Fault("painted.pdf", drawn_pdf(line("The gate.") + replaced("opens", 0, 0, PAINTED)), ("The gate.", "opens")),
    Fault(
        "tagged-picture.pdf",
        drawn_pdf(line("The gate.") + b"/Figure << /MCID 0 >> BDC " + PAINTED + b" EMC", replaced=["opens"]),
        ("The gate.", "opens"),
    ),
    Fault(
        "shown.pdf",
        drawn_pdf(b"/P << /MCID 0 >> BDC " + line("The gate.") + b"EMC", replaced=["Another."]),
        ("The gate.",),
        ("Another",),
    ),
    Fault(
        "columns.pdf",
        paper.pdf([*paper.column(LEFT), *paper.column(RIGHT, x=320)]),
        ("closes at ten in the evening on all working days.", "behind the kitchen."),
        ("|",),
    ),
    # Margins
    Fault(
        "margins.docx",
        paper.docx(
            paragraph("The gate opens at six."),
            margins=[
                ("header", "default", CHANGED),
                ("header", "first", paragraph("never shown")),
                ("footer", "default", paragraph("Owner: the desk") + NUMBER),
            ],
        ),
        ("Valid from May 2024", "Owner: the desk", "six"),
        ("2019", "never shown", "Page"),
    ),
    Fault(
        "margins.odt",
        opendocument("<text:p>The gate opens at six.</text:p>", more={"styles.xml": ODT_STYLES}),
        ("Valid from May 2024", "six"),
        ("Page",),
    ),
    # Sheets
    Fault(
        "fees.xlsx",
        xlsx({"Prices": FEES}, styles=MONEY),
        ("Plan: Basic; Fee Monthly: $420.00; Fee Yearly: $4,200.50", "Monthly: 19.50%; Fee Yearly: 1 Jan 2024"),
    ),
    Fault(
        "channels.xlsx",
        xlsx({"Prices": CHANNELS}, styles=MONEY),
        ("Plan: Basic; Fee Online Monthly: $1.00; Fee Online Yearly: $2.00; Fee Shop Monthly: $3.00; Fee Shop Y",),
    ),
    Fault(
        "channels.html",
        b"<table><tr><th rowspan=3>Plan<th colspan=3>Fee<tr><th colspan=2>Online<th rowspan=2>Shop"
        b"<tr><th>Monthly<th>Yearly<tr><td>Basic<td>$1<td>$2<td>$3</table>",
        ("| Plan | Fee Online Monthly | Fee Online Yearly | Fee Shop |", "| Basic | $1 | $2 | $3 |"),
    ),
    Fault(
        "approvers.xlsx",
        xlsx({"Plans": APPROVERS}),
        ("Plan: Basic; Approver First: Anna; Approver Second: Bob; Note: by mail",),
    ),
    Fault(
        "formulas.xlsx",
        xlsx({"Prices": FORMULAS}),
        ("| Basic |", "| Big | 2 |"),
        (),
        "has formulas without a stored value (B2:B3, C4)",
    ),
    Fault(
        "fees.ods",
        ODS,
        ("Fee Monthly: $420.00", "Fee Monthly: 19.5%; Fee Yearly: 31.12.2024"),
        (),
        "has formulas without a stored value (C3)",
    ),
    Fault("approvers.ods", APPROVERS_ODS, ("Plan: Basic; Approver First: Anna; Approver Second: Bob",)),
    Fault(
        "fees.csv",
        b"Plan,Fee,\n,Monthly,Yearly\nBasic,$42,$420\nPro,$5,$50\n",
        ("Basic; Fee Monthly: $42; Fee Yearly",),
    ),
    Fault(
        "semicolons.csv", b"sep=;\nPlan;Fee\nBasic;4,20\nPro;5\n", ("| Plan | Fee |", "| Basic | 4,20 |"), ("sep",)
    ),
    Fault("tabs.csv", b"sep=\t\nPlan\tFee\nBasic\t4,20\n", ("| Plan | Fee |", "4,20"), ("sep",)),
    # Files written as letters
    Fault(
        "wiki.txt", f"The gate.\n{ADDRESS}\nIt opens at six.".encode(), ("The gate.", "six"), ("base64",), "", 1
    ),
    Fault(
        "wiki.md",
        f"The gate.\n\n![Map]({ADDRESS})\n\n    {ADDRESS}\n\nIt opens.".encode(),
        ("The gate.", "Map", "opens"),
        ("base64",),
        "",
        1,
    ),
    Fault(
        "wiki.html",
        f"<p>The gate.<pre>{ADDRESS}</pre><p>It opens.".encode(),
        ("gate", "opens"),
        ("base64",),
        "",
        1,
    ),
    Fault(
        "wiki.csv", f"Name,Map\nGate,{ADDRESS}\nDoor,none\n".encode(), ("| Gate |", "| Door | none |"), (), "", 1
    ),
    Fault("wiki.json", f'{{"gate": "{ADDRESS}", "opens": "at six"}}'.encode(), ("at six",), ("base64",), "", 1),
    Fault(
        "wiki.ipynb",
        f'{{"cells": [{{"source": "six", "outputs": [{{"text": "{ADDRESS}"}}]}}]}}'.encode(),
        ("six",),
        (),
        "",
        1,
    ),
    Fault("wiki.rtf", rf"{{\rtf1 The gate {ADDRESS} opens.}}".encode(), ("The gate", "opens"), ("base64",), "", 1),
    Fault(
        "wrapped.ipynb",
        json.dumps({"cells": [{"cell_type": kind, "source": WRAPPED} for kind in ("markdown", "code")]}).encode(),
        ("The gate.", "six", "The gate.", "six"),
        ("base64",),
        "",
        1,
    ),
    Fault(
        "wrapped.rtf",
        rf"{{\rtf1 {WRAPPED}}}".replace("\n", "\\par\n").encode(),
        ("gate", "six"),
        ("base64",),
        "",
        1,
    ),
    Fault(
        "wrapped.json",
        json.dumps([{"note": WRAPPED, "n": n} for n in range(2)]).encode(),
        ("gate", "six", "six"),
        ("base64",),
        "",
        1,
    ),
    Fault("wiki.eml", f"Subject: Gate\n\nIt {ADDRESS} opens.".encode(), ("opens",), ("base64",), "", 1),
    Fault(
        "quoted.txt", f"> {LINES}\n\nIt opens.".replace("\n", "\n> ").encode(), ("opens",), (LINES[:70],), "", 1
    ),
    Fault(
        "zeros.txt",
        f"The gate.\n{LINES[: 77 * 20]}{('A' * 76 + chr(10)) * 15}AAAA\nThanks".encode(),
        ("The gate.", "Thanks"),
        ("AAAA",),
        "",
        1,
    ),
    Fault("paths.txt", f"Moved:\n{PATHS}\nAsk.".encode(), (*PATHS.split("\n"), "Ask.")),
    Fault("equal-paths.txt", f"Moved:\n{EQUAL_PATHS}\nAsk.".encode(), (*EQUAL_PATHS.split("\n"), "Ask.")),
    Fault("digests.txt", f"Sums:\n{DIGESTS}\nAsk.".encode(), (*DIGESTS.split("\n"), "Ask.")),
    Fault(
        "long-path.txt", f"Moved: {EQUAL_PATHS.replace(chr(10), '')}".encode(), ("Moved: /Company/Human", "Eur")
    ),
    Fault("lines.txt", f"The gate.\n\n{LINES}\n\nIt opens.".encode(), ("gate", "opens"), (LINES[:70],), "", 1),
    # Text is text
    Fault("pdf.md", b"%PDF-1.4 is how a PDF begins.\n\nThe rest is hard.", ("%PDF-1.4 is how", "The rest")),
    Fault("pdf.txt", b"%PDF-1.7\n1 0 obj\nis how a PDF begins.", ("%PDF-1.7", "is how")),
    Fault(
        "pdf-end.md",
        b"%PDF-1.4\nis the first line of a PDF, which\nends with startxref and a number.",
        ("%PDF-1.4", "startxref and a number."),
    ),
    Fault("pdf-object.txt", b"%PDF-1.4\n1 0 obj\nends with startxref.", ("%PDF-1.4", "ends with startxref.")),
    Fault("pdf-bell.txt", b"%PDF-1.4 is\x08 how a PDF begins. It goes on.", ("%PDF-1.4 is how a PDF begins.",)),
    Fault("rtf.txt", rb"{\rtf1\ansi} is how Rich Text begins.", (r"{\rtf1\ansi} is how Rich Text begins.",)),
    Fault("html.txt", b"<html> is the root.\n\n<body> is in it.", ("<html> is the root.", "<body> is in it.")),
    Fault("doctype.csv", b"<!doctype html> comes first,yes\nthen,no\n", ("<!doctype html> comes first",)),
    # Headings, and marks that are missing
    Fault("open.html", b"<h1>Leave<p>Unclosed <b>bold <table><tr><td>cell", ("Unclosed bold", "cell")),
    Fault("bold.html", b"<p>A</p><b>bold<p>One</p><ul><li>Two</ul></b>", ("bold", "One", "- Two"), ("boldOne",)),
    Fault("headings.html", b"<h1>Rules</h1><h2>Leave</h2><h2>Travel</h2>", ("Leave", "Travel")),
    Fault("headings.md", b"# Rules\n\n## Leave\n\nAsk.\n\n## Travel\n\n### By train\n", ("Ask.", "By train")),
    Fault("title.md", b"# Leave: 240 hours", ("Leave: 240 hours",)),
    Fault("title.html", b"<h1>Leave</h1>", ("Leave",)),
    Fault("title.txt", b"Leave\n=====", ("Leave",)),
    Fault("title.pptx", pptx(shape("Leave: 240 hours", kind="title")), ("Leave: 240 hours",)),
    Fault("items.html", b"<ul>Leave is 240 hours<li>a</ul>", ("Leave is 240 hours", "- a")),
    Fault(
        "list.html",
        b"<ul><p>Leave</p><li>a</li><ul>Then<li>nested</li></ul><b>End</b></ul>",
        ("Leave", "- a", "Then", "- nested", "End"),
    ),
    Fault("ordered.html", b"<ol start=four><li>Ask.</ol>", ("1. Ask.",)),
    Fault(
        "caption.html",
        b"<table><caption>Fees of 2024</caption><tr><td>Basic<td>$42</table>",
        ("Fees of 2024", "| Basic | $42 |"),
    ),
    Fault("legend.html", b"<fieldset><legend>Leave</legend>Ask.</fieldset>", ("Leave\n\nAsk.",)),
    Fault("le.txt", "The “gate” – opens at six.".encode("utf-16-le"), ("The “gate” – opens at six.",)),
    Fault("bullets.txt", "\uf0b7 The gate\n\uf0b7 The yard\n".encode("utf-16-le"), ("The gate\n", "The yard")),
    Fault("bell.txt", f"{'It opens at six. ' * 5}\x07".encode("utf-16-be"), ("It opens at six.",) * 5),
    Fault("private.md", "Die Tür \ue000 öffnet um sechs.".encode("utf-32-le"), ("Die Tür", "öffnet um sechs.")),
    Fault("be.csv", "Ворота,Часы\nСевер,шесть\n".encode("utf-16-be"), ("| Ворота | Часы |", "шесть")),
    Fault("wide.md", "# Τίτλος\n\nΗ πύλη ανοίγει στις έξι.".encode("utf-32-le"), ("Η πύλη ανοίγει στις έξι.",)),
    Fault("kanji.txt", "休暇は年に二十日です。申請は人事部へ。".encode("utf-16-le"), ("休暇は年に二十日です。",)),
]
KEPT = [
    Fault("blank.pdf", drawn_pdf(TEXT, b"", LOGO, b"60 60 100 100 re S"), ("six",)),
    Fault("white.pdf", WHITE_SHEET, ("six",)),
    Fault("grey-back.pdf", drawn_pdf(TEXT, PICTURE, picture=bytes(range(236, 241)) * 5), ("six",)),
    Fault("drawn-logo.pdf", drawn_pdf(TEXT, b"q .1 0 0 .1 60 700 cm " + COMPOUND + b"Q"), ("six",)),
    Fault("space.pdf", drawn_pdf(TEXT, line(" ")), ("six",)),
    Fault("white-backs.pdf", drawn_pdf(TEXT, *[WHITE] * 250), ("six",)),
    Fault("cover.pdf", drawn_pdf(PICTURE + line("The handbook of Acme", y=400), TEXT), ("handbook", "six")),
    Fault("example.md", b"Write `data:image/png;base64,iVBORw0KGgo=` to embed it.", ("base64,iVBORw0KGgo=",)),
    Fault("real-pdf.txt", paper.pdf([(60, 700, 10, "Hello.")]), ("Hello.",), ("%PDF",)),
    Fault("real-rtf.md", rb"{\rtf1\ansi Hello {\b there}.}", ("Hello there.",), ("rtf",)),
    Fault("real-page.txt", b"<!doctype html><title>T</title><p>Hello.</html>", ("Hello.",), ("<",)),
    Fault(
        "names.csv", b"Name,,City\nAnna,Smith,Berlin\nBob,Jones,Rome\n", ("| Name |  | City |", "| Anna | Smith |")
    ),
    Fault("numbers.xlsx", xlsx({"A": [["Room", "Seats"], ["Anna", 8], ["Berta", 12.5]]}), ("| Berta | 12.5 |",)),
    Fault("addresses.xlsx", xlsx({"A": ADDRESSES}), ("Name | Address | Address", "| Anna | Elm Street | Rome |")),
    Fault("form.xlsx", xlsx({"A": FORM}), ("| North | Who b | Who b | Where b |", "| North | Who f |")),
    Fault("digits.ods", ods(ods_row("Room", "Seats") + ods_row("Anna", "8")), ("| Anna | 8 |",)),
]


def read(fault: Fault) -> tuple[list[chunking.Chunk], str]:
    """The chunks of a file, and what is listed."""
    format_ = formats.find_format(fault.name)
    assert format_
    document = ScanReader(InThisProcess()).read(RawDocument(fault.content, format_, "File name"))
    return chunking.split(document, max_tokens=220), document.gap.cause if document.gap else ""


@pytest.mark.parametrize("fault", [*FAULTS, *KEPT], ids=lambda fault: fault.name)
def test_all_of_it_is_read_and_what_is_not_is_listed(fault: Fault) -> None:
    chunks, listed = read(fault)
    text = "\n".join(chunk.text for chunk in chunks)
    at = 0
    for part in fault.found:
        assert part in text[at:], text
        at = text.index(part, at) + len(part)
    assert not [part for part in fault.lacks if part in text]
    assert listed == fault.listed
    assert len(chunks) <= fault.most_chunks


def test_a_sync_lists_what_is_missing_and_the_rest_is_found(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "faults"
    folder.mkdir()
    for fault in FAULTS:
        (folder / fault.name).write_bytes(fault.content)
    report = sync_folder(library, folder)
    assert {p.uri: p.cause for p in report.problems} == {f.name: f.listed for f in FAULTS if f.listed}
    assert all(problem.advice for problem in report.problems)
    passages = library.search("monthly fee of Basic", audience=Audience()).passages
    assert any("$420.00" in passage.text for passage in passages)
    scan = library.read("scan.pdf", audience=Audience())[0]
    assert library.find_conditions([scan.document_id]) == {
        scan.document_id: DocumentCondition("pages 3–10 hold no text (scanned?)")
    }
