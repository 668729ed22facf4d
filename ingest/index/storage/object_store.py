"""Reads and writes single objects below an index's address in a bucket. The only importer of obstore.

obstore is the Python side of what LanceDB itself uses for buckets: the same addresses, the same environment
variables. Promises short waits, and that a foreign error becomes :class:`BucketProblem`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from agent.errors import UserError
from ingest.index.storage import outages, whole_file

SCHEMES = ("s3", "gs", "az", "abfs", "abfss")  # buckets that objects can be read from and written to one by one
PART_BYTES = 16_000_000  # of one request: a slow line must not run into its time limit
CONNECT_SECONDS, REQUEST_SECONDS, RETRY_SECONDS = 2, 15, 5


class BucketProblem(UserError):
    """The bucket of the index cannot be reached or refuses; says what to do."""


@dataclass(frozen=True)
class StoredObject:
    """An object in a listing. ``path`` is below the index's address; ``etag`` changes with the content."""

    path: str
    etag: str


def is_bucket(address: str) -> bool:
    """Returns whether an address is one of a bucket whose objects can be read and written one by one."""
    return address.partition("://")[0] in SCHEMES and "://" in address


def make_problem(address: str, why: str) -> UserError:
    """Returns the error for what keeps an index from being read or written: of a bucket it may pass."""
    return BucketProblem(why) if is_bucket(address) else UserError(why)


class ObjectStore:
    """The objects below one address; thread-safe, connects when first used."""

    def __init__(self, address: str) -> None:
        self.address = address

    @cached_property
    def _store(self) -> Any:
        from obstore.store import from_url

        options: dict[str, Any] = {
            "connect_timeout": f"{CONNECT_SECONDS}s",
            "timeout": f"{REQUEST_SECONDS}s",
            "allow_http": True,  # AWS_ENDPOINT says which it is
        }
        retry: dict[str, Any] = {"max_retries": 2, "retry_timeout": timedelta(seconds=RETRY_SECONDS)}
        return from_url(self.address, client_options=options, retry_config=retry)  # type: ignore[call-overload]

    def read(self, path: str) -> tuple[bytes, str] | None:
        """Returns an object's content and its etag; None where there is none."""
        with self._explained():
            try:
                answer = self._store.get(path)
                return bytes(answer.bytes()), answer.meta["e_tag"] or ""
            except FileNotFoundError:
                return None

    def download(self, path: str, n_bytes: int, file: Path) -> str | None:
        """Writes an object into a file, which others see whole or not at all; returns its etag.

        ``n_bytes`` is its size, 0 where that is not known. Returns None where there is no object; raises OSError
        where the disk does not take it.
        """
        if n_bytes <= PART_BYTES:
            answer = self.read(path)
            if answer is None:
                return None
            content, etag = answer
            whole_file.write(file, [content])
            return etag
        with self._explained():
            try:
                etag = str(self._store.head(path)["e_tag"] or "")
            except FileNotFoundError:
                return None
        whole_file.write(file, self._read_parts(path, n_bytes))
        return etag

    def _read_parts(self, path: str, n_bytes: int) -> Iterator[bytes]:
        for start in range(0, n_bytes, PART_BYTES):
            with self._explained():
                part = self._store.get_range(path, start=start, length=min(PART_BYTES, n_bytes - start))
            yield bytes(part)

    def create(self, path: str, content: bytes) -> str | None:
        """Writes an object that is not there yet; returns its etag, None where another was first."""
        from obstore.exceptions import AlreadyExistsError

        with self._explained():
            try:
                return str(self._store.put(path, content, mode="create")["e_tag"])
            except AlreadyExistsError:
                return None
            except FileNotFoundError as error:
                raise BucketProblem(outages.NO_BUCKET.format(address=self.address)) from error

    def replace(self, path: str, content: bytes, *, etag: str) -> str | None:
        """Writes an object that is still as the etag says; returns its new etag, None where it has changed."""
        from obstore.exceptions import PreconditionError

        with self._explained():
            try:
                return str(self._store.put(path, content, mode={"e_tag": etag})["e_tag"])
            except (PreconditionError, FileNotFoundError):
                return None

    def find_first(self, prefix: str) -> StoredObject | None:
        """Returns the object whose path comes first below a prefix, with one request; None where there is none."""
        with self._explained():
            for chunk in self._store.list(prefix):
                names = sorted((found["path"], found["e_tag"] or "") for found in chunk)
                return StoredObject(*names[0]) if names else None
        return None

    def list_times(self, prefix: str, *, ending: str) -> list[datetime]:
        """Returns when the objects below a prefix whose paths end so were written, ordered by path."""
        with self._explained():
            found = [each for chunk in self._store.list(prefix) for each in chunk]
        return [
            each["last_modified"]
            for each in sorted(found, key=lambda each: str(each["path"]))
            if each["path"].endswith(ending)
        ]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raises :class:`BucketProblem` for what is not an answer of the bucket about one object."""
        from obstore.exceptions import BaseError

        try:
            yield
        except BaseError as error:
            why = outages.explain(self.address, error) or outages.AWAY.format(self.address)
            raise BucketProblem(why) from error
