"""Who may read the documents of a source, as ``docent.toml`` or a command says: readers by pattern, and whether a
page's front matter may let others in.

Owns how the three who have a say are put together: the declaration, the source (which may know who reads a
document), and the page. Each narrows what the others say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import pathspec

from agent.types import WORKSPACE
from ingest.access import principals, reader_sets
from ingest.access.reader_sets import DEFAULT_READERS, Readers

ALL = "*"  # the pattern of every document

Rule = tuple[str, Readers]


def _only_path(uri: str, path: str) -> Sequence[str]:
    return (path or uri,)


@dataclass(frozen=True)
class Declaration:
    """Readers by pattern as in a ``.gitignore``: the last one that matches decides, and what none matches is for
    everyone. ``paths_of`` returns the paths that a document may be named by.

    Readers and the ids of principals are of ``workspaces``, outside of which nobody reads the documents."""

    rules: tuple[Rule, ...] = ()
    front_matter_may_widen: bool = False
    paths_of: Callable[[str, str], Sequence[str]] = _only_path
    workspaces: frozenset[str] = frozenset()  # in which the documents are read; empty: the only one that there is

    @staticmethod
    def of(readers: Readers) -> "Declaration":
        """Declares the same readers for all documents."""
        return Declaration(((ALL, readers),))

    def find_rule(self, uri: str, path: str = "") -> Rule | None:
        """Returns the pattern that decides about a document, with its readers."""
        if len(self.rules) == 1 and self.rules[0][0] == ALL:
            return self.rules[0]
        found = (self._patterns.check_file(name).index for name in self.paths_of(uri, path))
        position = max((index for index in found if index is not None), default=None)
        return None if position is None else self.rules[position]

    def readers_of(self, uri: str, path: str = "") -> Readers:
        """Returns who may read a document, as far as the declaration says."""
        rule = self.find_rule(uri, path)
        readers = rule[1] if rule else DEFAULT_READERS
        if not self.workspaces:
            return readers
        return reader_sets.narrow(readers, reader_sets.one_of(f"{WORKSPACE}{id_}" for id_ in self.workspaces))

    def combine(self, listed: Readers, declared: Readers, own: Readers | None) -> Readers:
        """Returns who may read a page: ``listed`` are the readers without it, ``own`` those it names itself.

        It may let in others than are ``declared``, where that is allowed, but never others than its source does,
        nor anybody of another workspace. Where there are several, a page cannot say whose channel it names.
        """
        if own is None:
            return listed
        if self.is_of_many:
            own = frozenset(one.difference(principals.find_of_one_workspace(one)) for one in own)
        is_of_source = listed != declared
        may_widen = self.front_matter_may_widen and not is_of_source
        return reader_sets.narrow(_find_places(listed) if may_widen else listed, own)

    @property
    def is_of_many(self) -> bool:
        """Returns whether the documents are read in several workspaces, of which two may have one id in common."""
        return len(self.workspaces) > 1 or "*" in self.workspaces

    @cached_property
    def _patterns(self) -> "pathspec.PathSpec[pathspec.Pattern]":
        return pathspec.PathSpec.from_lines("gitignore", [pattern for pattern, _ in self.rules])


EVERYONE_READS = Declaration()


def list_readers(declared: Readers, of_source: frozenset[str] | None) -> Readers:
    """Returns a document's readers from the declaration and from the source, where that knows them.

    The source's stand alone where everyone is declared: those are whom it shows the document to, a guest of a
    private channel, too.
    """
    if of_source is None:
        return declared
    places = _find_places(declared)
    is_default = declared - places == DEFAULT_READERS
    return reader_sets.narrow(places if is_default else declared, reader_sets.one_of(of_source))


def _find_places(readers: Readers) -> Readers:
    """Returns the sets of principals that say in which workspaces a document is read."""
    return frozenset(filter(reader_sets.is_of_workspaces, readers))
