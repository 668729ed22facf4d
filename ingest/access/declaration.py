"""Who may read the documents of a source, as ``docent.toml`` or a command says: readers by pattern, and whether a
page's front matter may let others in.

Owns how the three who have a say are put together: the declaration, the source (which may know who reads a
document), and the page. Each narrows what the others say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import pathspec

from ingest.access import reader_sets
from ingest.access.reader_sets import DEFAULT_READERS, Readers

ALL = "*"  # the pattern of every document

Rule = tuple[str, Readers]


def _only_path(uri: str, path: str) -> Sequence[str]:
    return (path or uri,)


@dataclass(frozen=True)
class Declaration:
    """Readers by pattern as in a ``.gitignore``: the last one that matches decides, and what none matches is for
    everyone. ``paths_of`` returns the paths that a document may be named by."""

    rules: tuple[Rule, ...] = ()
    front_matter_may_widen: bool = False
    paths_of: Callable[[str, str], Sequence[str]] = _only_path

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
        return rule[1] if rule else DEFAULT_READERS

    def combine(self, listed: Readers, declared: Readers, own: Readers | None) -> Readers:
        """Returns who may read a page: ``listed`` are the readers without it, ``own`` those it names itself.

        It may let in others than are ``declared``, where that is allowed, but never others than its source does.
        """
        if own is None:
            return listed
        is_of_source = listed != declared
        may_widen = self.front_matter_may_widen and not is_of_source
        return own if may_widen else reader_sets.narrow(listed, own)

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
    own = reader_sets.one_of(of_source)
    return own if declared == DEFAULT_READERS else reader_sets.narrow(declared, own)
