"""What every format has in common: no secret is kept, and how many there were is said."""

import pytest

from ingest.documents.blocks import Document
from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.documents.readers import reader

PAGE = """# Deploy with ghp_abcdefghijklmnopqrst

The password is hunter2, for everyone.

```
export TOKEN=4f9b7c2d8e
-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBg
-----END PRIVATE KEY-----
done
```

| host | login |
|---|---|
| db | postgresql://me:s3cret@db.example |
"""


def list_texts(document: Document) -> str:
    texts = [text for block in document.blocks for text in (block.text, *block.lines)]
    return "\n".join([document.title, document.keywords, *texts])


@pytest.mark.parametrize("format_", [Format.MARKDOWN, Format.TEXT])
def test_secrets_are_masked_before_anything_is_split(format_: Format) -> None:
    document = reader.read_document(RawDocument(PAGE.encode(), format_, "deploy"))
    texts = list_texts(document)
    for secret in ("ghp_", "hunter2", "4f9b7c2d8e", "MIIEv", "s3cret"):
        assert secret not in texts
    assert "The password is (secret)" in texts
    assert "done" in texts
    assert document.gap is not None
    assert document.gap.cause == "5 secrets are masked"


def test_a_document_without_secrets_has_nothing_to_say() -> None:
    text = b"# Passwords\n\nThe password policy: at least 12 characters."
    document = reader.read_document(RawDocument(text, Format.MARKDOWN, "policy"))
    assert "The password policy: at least 12 characters." in list_texts(document)
    assert document.gap is None


def test_what_could_not_be_read_and_what_is_masked_are_both_said() -> None:
    rows = b"name,token\n" + b"x,password: hunter2\n"
    document = reader.read_document(RawDocument(rows, Format.CSV, "tokens"))
    assert document.gap is not None
    assert document.gap.cause == "1 secret is masked"
