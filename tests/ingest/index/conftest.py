"""A bucket on loopback, and an index in it."""

from collections.abc import Iterator

import pytest

from ingest.index.table import Index
from tests.bucket import S3Bucket, serve

ADDRESS = "s3://bucket/index"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Bucket]:
    with serve() as bucket:
        for name, value in bucket.environment().items():
            monkeypatch.setenv(name, value)
        yield bucket


@pytest.fixture
def index(bucket: S3Bucket) -> Index:
    """The index in the bucket, as its writer opens it; nothing was written yet."""
    return Index(ADDRESS, embedding_model="static")
