"""What a page says of its care: read from front matter, stored with the document, and judged by a day."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

import ingest.settings
from agent.errors import UserError
from agent.store.database import Database
from ingest.documents.readers.html import markdown
from ingest.documents.upkeep import Staleness, Upkeep, find_staleness
from ingest.library import Library
from ingest.sources import connector
from ingest.tables import DocumentRow
from tests.library import sync_folder

TODAY = datetime(2026, 6, 1, 9, tzinfo=UTC)


def days_ago(n: int) -> datetime:
    return TODAY - timedelta(days=n)


@pytest.mark.parametrize(
    ("upkeep", "updated_at", "expected"),
    [
        (Upkeep(), days_ago(364), None),
        (Upkeep(), days_ago(365), Staleness(changed=days_ago(365))),
        (Upkeep(), None, None),
        (Upkeep(review_in="90d"), days_ago(89), None),
        (Upkeep(review_in="90 days"), days_ago(90), Staleness(review=TODAY)),
        (Upkeep(review_in="2 years"), days_ago(700), None),  # it says itself how long it holds
        (Upkeep(review_in="6 Months"), None, None),
        (Upkeep(expires="2026-05-31"), days_ago(1), Staleness(expired=datetime(2026, 6, 1, tzinfo=UTC))),
        (Upkeep(expires="2026-06-01"), days_ago(700), None),  # today it still holds
        (Upkeep(review_in="30d", expires="2027-01-01"), days_ago(31), Staleness(review=days_ago(1))),
        (Upkeep(review_in="soon"), days_ago(1), Staleness(mistake="review_in: soon")),
        (Upkeep(expires="0000-99-99"), days_ago(1), Staleness(mistake="expires: 0000-99-99")),
        (Upkeep(expires="9999-12-31"), days_ago(1), Staleness(mistake="expires: 9999-12-31")),
    ],
)
def test_what_may_be_out_of_date(upkeep: Upkeep, updated_at: datetime | None, expected: Staleness | None) -> None:
    assert find_staleness(upkeep, updated_at, TODAY) == expected


@pytest.mark.parametrize(
    ("matter", "expected"),
    [
        (
            "owner_slack: U0123ABCD\nreview_in: 6 months\nexpires: 2026-05-31",
            ("U0123ABCD", "6 months", "2026-05-31"),
        ),
        ("review_in: 90\nexpires: 2026-05-31 10:00:00", ("", "90", "2026-05-31 10:00:00")),
        ("owner_slack: [U1, U2]\nreview_in: true\nexpires:\n  on: a", ("", "", "")),
        ('owner_slack: "U1\\nU2"\nexpires: ' + "9" * 500, ("U1 U2", "", "9" * 60)),
    ],
)
def test_it_is_read_from_front_matter_whatever_stands_there(matter: str, expected: tuple[str, str, str]) -> None:
    document = markdown.read(f"---\n{matter}\n---\n# Leave\n\nText.".encode(), max_chars=1000)
    assert document.upkeep == Upkeep(*expected)


def test_it_is_stored_with_the_document_and_goes_when_it_is_no_longer_said(
    database: Database, tmp_path: Path
) -> None:
    def stored() -> list[object]:
        with database.transaction() as transaction:
            return list(transaction.scalars(select(DocumentRow.upkeep)))

    page = tmp_path / "docs" / "leave.md"
    page.parent.mkdir()
    library = Library(database, ingest.settings.IngestSettings(index_uri=str(tmp_path / "index")))
    page.write_text('---\nowner_slack: U0123ABCD\nexpires: "2026\\0"\n---\n# Leave\n\nText.\n')
    sync_folder(library, page.parent)
    assert stored() == [{"owner_slack": "U0123ABCD", "expires": "2026"}]  # Postgres takes no NUL
    page.write_text("# Leave\n\nText.\n")
    sync_folder(library, page.parent)
    assert stored() == [None]


def test_a_source_names_its_owner_by_an_id() -> None:
    assert connector.validate_options({"location": "docs", "owner_slack": "U0123ABCD"}, where="x").owner_slack
    with pytest.raises(UserError, match="Copy member ID"):
        connector.validate_options({"location": "docs", "owner_slack": "@ann"}, where="x")
    with pytest.raises(UserError, match="Did you mean 'owner_slack'"):
        connector.validate_options({"location": "docs", "owner": "U0123ABCD"}, where="x")
