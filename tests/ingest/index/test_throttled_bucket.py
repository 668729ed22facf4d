"""A bucket that has too many requests: it refuses for a while, and what is written and read then is not lost."""

import pytest

from ingest.index import lancedb_runtime
from ingest.index.storage.object_store import BucketProblem
from ingest.index.table import Index
from tests.bucket import S3Bucket
from tests.ingest.index.test_table import found, put


def test_a_bucket_that_refuses_requests_for_a_while_is_written_and_read(bucket: S3Bucket, index: Index) -> None:
    put(index, "a", "apples")
    bucket.n_throttled = 20
    put(index, "b", "pears")
    assert bucket.n_throttled == 0
    assert sorted(found(index, "pears")) == ["apples", "pears"]


def test_a_bucket_that_goes_on_refusing_is_no_bug(
    bucket: S3Bucket, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(lancedb_runtime.BUCKET_OPTIONS, "client_max_retries", "0")
    put(index, "a", "apples")
    bucket.n_throttled = 1_000
    with pytest.raises(BucketProblem, match="too many requests"):
        put(index, "b", "pears")
    with pytest.raises(BucketProblem, match="too many requests"):
        found(index, "apples")
