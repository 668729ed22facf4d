"""Text in any encoding, what is no text, and characters that show nothing."""

import random
from contextlib import suppress

import pytest

from agent.hidden_characters import strip_invisible
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers import reader
from ingest.documents.readers.text.encoding import decode

TEXTS = [
    ("cp1252", "Zürich und São Paulo"),
    ("cp1252", "Café policy – 30 € per day for Curaçao; “quotes” — it’s fine…"),
    ("latin-1", "Le règlement de l'été prévoit des congés payés pour chaque salarié."),
    ("cp1252", "L'anno scorso è andata così: più ferie, però niente bonus."),
    ("cp1250", "Zażółć gęślą jaźń. Wniosek o urlop należy złożyć w dziale kadr."),
    ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy. Žádost o dovolenou podejte včas."),
    ("cp1251", "Привет"),
    ("cp1251", "Отпуск составляет 28 дней. Заявление подаётся за две недели."),
    ("cp1251", "Name;Город\nIvan;Москва\n"),
    ("koi8-r", "Отпуск составляет 28 дней. Заявление подаётся за две недели."),
    ("cp1253", "Η άδεια είναι είκοσι πέντε ημέρες τον χρόνο για όλους."),
    ("cp1255", "חופשה שנתית היא עשרים ימים לכל עובד בחברה."),
    ("cp1256", "الإجازة السنوية ثلاثون يوما لكل موظف في الشركة."),
    ("cp932", "名前,年齢,住所\n佐藤太郎,30,東京\n"),
    ("euc_jp", "休暇は年に二十日です。申請は人事部へ。"),
    ("gb18030", "年假为二十天。请向人力资源部提出申请。"),
    ("big5", "年假為二十天。請向人力資源部提出申請。"),
    ("cp949", "연차 휴가는 스무 날입니다. 인사부에 신청하십시오."),
    ("utf-8", "Zürich, Москва, 東京"),
    ("utf-8-sig", "Zürich"),
    ("utf-16", "Zürich, 東京"),
    ("utf-32", "Zürich, 東京"),
    ("utf-16-le", "No mark, but a zero after each letter of this line.\n"),
    ("utf-16-be", "Grüße ohne Marke.\n"),
    ("utf-16-le", "コンピュータサーバープリンター"),
    ("utf-16-be", "พนักงานทุกคนมีวันลาพักร้อน"),
]


@pytest.mark.parametrize(("encoding", "text"), TEXTS)
@pytest.mark.parametrize("n", [1, 500])
def test_text_is_read_in_the_encoding_it_was_saved_in(encoding: str, text: str, n: int) -> None:
    text = "\n".join([text] * n)
    assert decode(text.encode(encoding)) == text


UNMARKED = {
    "markdown": "# {0}\n\n{0}\n",
    "text": "{0}\n\n{0}\n",
    "html": "<html><head><meta charset='utf-8'><title>{0}</title></head><body><p>{0}</p></body></html>",
    "webpage": "<!doctype html><title>{0}</title><p>{0}</p>",
    "csv": "Name;Note\r\n{0};{0}\r\n",
    "json": '{{"note": "{0}"}}',
}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("kind", UNMARKED)
def test_unmarked_utf_16_is_read_in_every_format(kind: Format, encoding: str) -> None:
    for text in (
        "Leave",
        "Grüße aus Köln",
        "Отпуск составляет 28 дней",
        "休暇は年に二十日です。",
        "年假为二十天。",
        "휴가",
    ):
        content = UNMARKED[kind].format(text).encode(encoding)
        document = reader.read_document(RawDocument(content, Format(kind), "File name"))
        said = "\n".join([document.title, *(block.text or "\n".join(block.lines) for block in document.blocks)])
        assert text in said
        assert "\0" not in said


def test_what_is_mostly_utf_8_is_read_as_such() -> None:
    broken = "Über Änderungen für Müller, größer und schöner. ".encode() + b"caf\xe9" + "ä".encode()[:1]
    assert decode(broken).startswith("Über Änderungen für Müller")


@pytest.mark.parametrize("declared", ["no-such", "hex", "undefined", "punycode", "utf-7", "\x00"])
def test_a_declared_encoding_that_is_none_of_text_is_not_used(declared: str) -> None:
    with suppress(FetchProblem):
        assert decode("Zürich und São Paulo".encode("cp1252"), declared=declared)


def test_line_ends_are_one() -> None:
    assert decode(b"a\r\nb\rc\nd") == "a\nb\nc\nd"


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n", [64, 1_024, 100_000])
def test_random_bytes_are_no_text(seed: int, n: int) -> None:
    with pytest.raises(FetchProblem, match="is not text"):
        decode(random.Random(seed).randbytes(n))


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", b"\x00" * 1_000, b"\x00\x01"])
def test_binary_data_is_no_text(content: bytes) -> None:
    with pytest.raises(FetchProblem, match="is not text"):
        decode(content)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b\x07c\x1b[0md", "abc[0md"),
        ("gnp.\u202eexe\u202c", "gnp.exe"),
        ("zero\u200bwidth\u2060 soft\u00adhyphen \ufeffmark", "zerowidth softhyphen mark"),
        ("".join(chr(0xE0000 + ord(c)) for c in "HIDDEN") + "x", "x"),
        ("x\U000e0101\U000e0102", "x"),
        ("smile ☺\ufe0f\ufe01\ufe02", "smile ☺\ufe0f"),
        (
            "family 👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 1\ufe0f\u20e3",
            "family 👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 1\ufe0f\u20e3",
        ),
        ("l\ufe00e\ufe0fa\ufe01ve é\u200c\u200d\u200cx a\u034fb", "leave éx ab"),
        ("क्\u200dष ශ්\u200dරී 葛\ufe00", "क्\u200dष ශ්\u200dරී 葛\ufe00"),
        ("one\u2028two", "one\ntwo"),
        ("a\u3164b\u115fc\ufff9d\uffff", "abcd"),
        ("page\x0cpage\x85line", "page\npage\nline"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("half \ud83d", "half "),
    ],
)
def test_characters_that_show_nothing_are_taken_out(text: str, shown: str) -> None:
    assert strip_invisible(text) == shown


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text", "a\u202eb\x07c\u200bd"),
        ("markdown", "a\u202eb\x07c\u200bd"),
        ("markdown", "a&#x202e;b&#x7;c&#x200b;d"),
        ("html", "<p>a&#x202e;b\x07c&#8203;d"),
        ("webpage", "<title>x</title><p>a&#x202e;b\x07c&#8203;d"),
        ("csv", "a\u202eb\x07c\u200bd"),
        ("json", '"a\\u202eb\\u0007c\\u0000\\u200bd\\ud800"'),
        ("rtf", r"{\rtf1 a\u8238?bc\u8203?d}"),
    ],
)
def test_they_are_taken_out_of_every_format(kind: Format, content: str) -> None:
    document = reader.read_document(RawDocument(content.encode(), kind, "File name"))
    assert [block.text for block in document.blocks] == ["abcd"]


def test_they_are_taken_out_of_titles_and_keywords() -> None:
    text = '---\ntitle: "Le\\u202eave"\ntags: ["ho\\u200bliday"]\n---\nText.'
    document = reader.read_document(RawDocument(text.encode(), Format.MARKDOWN, "File name"))
    assert (document.title, document.keywords) == ("Leave", "holiday")


@pytest.mark.parametrize(
    ("text", "headings"),
    [
        ("Leave\n=====\n\nText.\n\nHow\n---\nAsk.\n\nSick\n----\n", ["Leave 1", "How 2", "Sick 2"]),
        ("=====\nLeave\n=====\n\nText.\n\nHow\n===\nAsk.", ["Leave 1", "How 2"]),
        ("= Leave\n:toc:\n\n== How\n\nAsk.", ["Leave 1", "How 2"]),
        ("#+TITLE: Leave\n\n* How\n\n** When\n\nAsk.", ["How 1", "When 2"]),
        ("Leave\n\n* one\n* two\n\n2 = 1 + 1\n\n-----\n-----", []),
    ],
)
def test_the_headings_of_plain_text_are_told_apart(text: str, headings: list[str]) -> None:
    blocks = reader.read_document(RawDocument(text.encode(), Format.TEXT, "Leave?")).blocks
    document = reader.read_document(RawDocument(text.encode(), Format.TEXT, "Leave?"))
    found = [f"{document.title} 1"] if document.title != "Leave?" else []
    assert found + [f"{b.text} {b.level}" for b in blocks if b.kind == "heading"] == headings


def test_short_chinese_is_not_taken_for_korean() -> None:
    assert decode("旅游费用".encode("gb18030")) == "旅游费用"
