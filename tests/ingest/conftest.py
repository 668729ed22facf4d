"""A folder of small documents, and a library over real LanceDB and real PostgreSQL."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.store.database import Database
from ingest.documents.blocks import Document
from ingest.documents.converter import Converter
from ingest.documents.raw import RawDocument
from ingest.documents.readers import reader
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.sources import connector
from ingest.sync.reports import SyncReport
from tests.library import kept_converter

LEAVE = """---
title: Leave
---
## Annual leave
Every employee has 30 days of annual leave. At most 5 days can be carried over into the next year.

## Sick leave
Call your manager before nine. A doctor's note is needed from the third day on.
"""
OFFICE = """# The office

## Opening hours
The Hamburg office is open from 7 to 20 o'clock.

## Bicycles
Bicycles are parked in the yard, behind the kitchen.
"""


class InThisProcess(Converter):
    """Parses without a child process, whose start takes longer than the rest of a test."""

    def read(self, raw: RawDocument) -> Document:
        return reader.read_document(raw)


class LibraryWithKeptReader(Library):
    """Reads documents in the process that read those of the sync before: each sync would start one of its own."""

    def sync(self, source: connector.Source, **how: Any) -> SyncReport:
        return super().sync(source, **{"converter": kept_converter} | how)


def opened(folder: Path, **options: object) -> connector.Source:
    """The source of a folder."""
    described = connector.validate_options({"type": "folder", "location": str(folder), **options}, where="test")
    return connector.open_source(described, home=folder.parent / "home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two documents: ``leave.md`` and ``places/office.md``."""
    documents = tmp_path / "handbook"
    (documents / "places").mkdir(parents=True)
    (documents / "leave.md").write_text(LEAVE)
    (documents / "places" / "office.md").write_text(OFFICE)
    return documents


@pytest.fixture
def open_library(database: Database, tmp_path: Path) -> Callable[..., Library]:
    """Opens a library over this test's index, as another process would."""

    def open_(**settings: object) -> Library:
        given = IngestSettings(index_uri=str(tmp_path / "index"), **settings)  # type: ignore[arg-type]
        return LibraryWithKeptReader(database, given)

    return open_


@pytest.fixture
def library(open_library: Callable[..., Library]) -> Library:
    return open_library()
