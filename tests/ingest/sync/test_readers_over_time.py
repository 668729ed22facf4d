"""Whatever happens to a tree of pages, its declaration, and its listings: who may read what, after each sync.

Front matter and declaration both have a say. Nobody outside of what both allow ever finds a page; after a sync
that went well, nobody inside misses one.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from agent.errors import UserError
from ingest.access import reader_sets
from ingest.access.declaration import ALL, Declaration
from ingest.access.reader_sets import Readers, one_of
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.index import scan
from ingest.index.table import Index
from ingest.library import Library
from ingest.sources.connector import UNREAD, WITHDRAWN, ListedDocument
from ingest.sync import diff
from ingest.tables import DocumentRow
from tests.ingest.conftest import InThisProcess

NAMES = ("a.md", "b.md", "hr/c.md", "hr/d.md", "hr/pay/e.md", "x/f.md", "x/hr/g.md")
PRINCIPALS = ("everyone", "guests", "channel:C1", "group:S1")
PERSONS = [
    frozenset({"everyone"}),
    frozenset({"guests"}),
    frozenset({"everyone", "channel:C1"}),
    frozenset({"guests", "channel:C1"}),
    frozenset({"everyone", "channel:C1", "group:S1"}),
]
names = st.sampled_from(NAMES)
principals = st.sets(st.sampled_from(PRINCIPALS), min_size=1, max_size=2).map(sorted)
own_readers: st.SearchStrategy[list[str] | None] = st.none() | principals | st.just([])
rules = st.tuples(st.sampled_from((ALL, "hr/", "/hr/", "*.md", "x/**", "pay/", "a.md", "nowhere/")), principals)
declarations = st.lists(rules, min_size=1, max_size=3)


def reads(person: frozenset[str], readers: Readers) -> bool:
    return all(person & one for one in readers)


@dataclass
class Tree:
    """A source over pages by uri: the number of each one's text, and the readers that its front matter names."""

    name: str
    pages: dict[str, int] = field(default_factory=dict)
    own: dict[int, list[str] | None] = field(default_factory=dict)  # by the number of a text
    fails_after: int | None = None
    unread: str = ""
    withdrawn: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unfetched: frozenset[str] = frozenset()

    def write(self, uri: str, own: list[str] | None) -> None:
        number = len(self.own)
        self.own[number] = own
        self.pages[uri] = number

    def list(self, known: Mapping[str, str]) -> Iterator[ListedDocument]:
        for prefix, who in self.withdrawn.items():
            yield ListedDocument(prefix, "", WITHDRAWN, who)
        listed = [uri for uri in sorted(self.pages) if not (self.unread and uri.startswith(self.unread))]
        for uri in islice(listed, self.fails_after):
            yield ListedDocument(uri, f"https://x.example/{uri}", str(self.pages[uri]))
        if self.unread:
            yield ListedDocument(self.unread, "", UNREAD)
        if self.fails_after is not None:
            raise UserError("The source is away.")

    def fetch(self, uri: str) -> RawDocument:
        if uri.endswith("/") or uri in self.unfetched:
            raise FetchProblem("cannot be read", "wait", may_pass=True)
        number = self.pages[uri]
        own = self.own[number]
        matter = "" if own is None else f"---\nreaders: {own}\n---\n"
        return RawDocument(f"{matter}The text has the number {number}.".encode(), Format.MARKDOWN, uri)


@dataclass(frozen=True)
class Edit:
    """A page is written; or, with ``to``, moved there; or, without readers or ``to``, removed."""

    uri: str
    own: list[str] | None = None
    to: str = ""
    is_removal: bool = False


@dataclass(frozen=True)
class Round:
    """What happens before a sync, and in it."""

    edits: list[Edit]
    declared: list[tuple[str, list[str]]] | None
    may_widen: bool
    is_forced: bool
    trouble: dict[str, object]


TROUBLE: st.SearchStrategy[dict[str, object]] = (
    st.just({})
    | st.builds(lambda n: {"fails_after": n}, st.integers(0, 4))
    | st.builds(lambda folder: {"unread": folder}, st.sampled_from(("hr/", "x/")))
    | st.builds(lambda uris: {"unfetched": uris}, st.frozensets(names, min_size=1, max_size=3))
    | st.builds(
        lambda folder, n: {"withdrawn": {folder: frozenset({"channel:C1"})}, "fails_after": n},
        st.sampled_from(("hr/", "x/")),
        st.none() | st.just(0),
    )
)
EDITS = (
    st.builds(Edit, names, own_readers)
    | st.builds(Edit, names, to=names)
    | st.builds(Edit, names, is_removal=st.just(True))
)
ROUNDS = st.lists(
    st.builds(Round, st.lists(EDITS, max_size=4), st.none() | declarations, st.booleans(), st.booleans(), TROUBLE),
    min_size=2,
    max_size=5,
)


class Company:
    """One source of a library, with what was declared last."""

    def __init__(self, library: Library, name: str) -> None:
        self.library = library
        self.tree = Tree(name)
        self.declared: list[tuple[str, list[str]]] = [(ALL, ["everyone"])]
        self.may_widen = False

    def live(self, turn: Round) -> None:
        for edit in turn.edits:
            self._edit(edit)
        if turn.declared is not None:
            self.declared, self.may_widen = turn.declared, turn.may_widen
        trouble = {"fails_after": None, "unread": "", "unfetched": frozenset(), "withdrawn": {}} | turn.trouble
        for name, value in trouble.items():
            setattr(self.tree, name, value)
        is_good = not turn.trouble
        try:
            how = {"is_forced": turn.is_forced, "converter": InThisProcess}
            self.library.sync(self.tree, declaration=self.declaration, **how)  # type: ignore[arg-type]
        except UserError:
            is_good = False
        self.check(is_good=is_good)

    def _edit(self, edit: Edit) -> None:
        pages = self.tree.pages
        if edit.is_removal:
            pages.pop(edit.uri, None)
        elif not edit.to:
            self.tree.write(edit.uri, edit.own)
        elif edit.uri in pages and edit.to not in pages:
            pages[edit.to] = pages.pop(edit.uri)

    @property
    def declaration(self) -> Declaration:
        rules = tuple((pattern, one_of(who)) for pattern, who in self.declared)
        return Declaration(rules, self.may_widen)

    def allowed(self, uri: str, number: int) -> Readers:
        own = self.tree.own[number]
        declared = self.declaration.readers_of(uri)
        if own is None:
            return declared
        return one_of(own) if self.may_widen else declared | one_of(own)

    def check(self, *, is_good: bool) -> None:
        found = self.read_index()
        for uri, (number, readers) in found.items():
            for person in PERSONS:
                if reads(person, readers):
                    assert reads(person, self.allowed(uri, number)), (uri, person)
        withdrawn = self.tree.withdrawn.items()
        for uri, (_, readers) in found.items():
            for prefix, who in withdrawn:
                if uri.startswith(prefix) and uri not in self.tree.pages:
                    assert all(person & who for person in PERSONS if reads(person, readers))
        if is_good:
            assert {uri: number for uri, (number, _) in found.items()} == self.tree.pages
            for uri, (number, readers) in found.items():
                for person in PERSONS:
                    assert reads(person, readers) == reads(person, self.allowed(uri, number)), (uri, person)

    def read_index(self) -> dict[str, tuple[int, Readers]]:
        """What the index has of the source, by uri: the number of the text, and who finds it."""
        index = self.library.active_index.current().index
        with self.library.database.transaction() as transaction:
            rows = transaction.execute(
                select(DocumentRow.id, DocumentRow.uri, DocumentRow.access_id).where(
                    DocumentRow.source == self.tree.name
                )
            ).all()
            sets = reader_sets.ReaderSets()
            sets.update(transaction)
        chunks = scan.read_chunks(index, [id_.hex for id_, _, _ in rows]) if rows else []
        uris = {id_.hex: uri for id_, uri, _ in rows}
        in_rows = {id_.hex: access_id for id_, _, access_id in rows}
        assert all(in_rows[chunk.document_id] == chunk.access_id for chunk in chunks)
        return {
            uris[chunk.document_id]: (int(chunk.text.split()[-1].rstrip(".")), sets.by_id[chunk.access_id])
            for chunk in chunks
        }


@pytest.mark.parametrize(
    "n_examples", [pytest.param(8, id="few"), pytest.param(300, id="many", marks=pytest.mark.soak)]
)
def test_nobody_reads_what_front_matter_and_declaration_do_not_both_allow(
    library: Library, monkeypatch: pytest.MonkeyPatch, n_examples: int
) -> None:
    monkeypatch.setattr(diff, "SUSPICIOUS_FROM", 3)
    monkeypatch.setattr(Index, "optimize", lambda self: None)  # half of the time, and of no matter here
    n_made = itertools.count()

    @settings(max_examples=n_examples, deadline=None, suppress_health_check=[*HealthCheck])
    @given(st.dictionaries(names, own_readers, min_size=4), ROUNDS)
    def live(pages: dict[str, list[str] | None], rounds: list[Round]) -> None:
        company = Company(library, f"tree-{next(n_made)}")
        for uri, own in pages.items():
            company.tree.write(uri, own)
        for turn in rounds:
            company.live(turn)

    live()
