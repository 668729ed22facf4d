"""Adds the code's new sentences to every catalogue, untranslated, and takes out those that it says no more."""

import sys

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from agent.translation.catalogues import FOLDER
from agent.translation.languages import ENGLISH, SPOKEN
from tests.catalogues import sentences

HEADER = "# Docent's sentences for people in Slack, in %s. The tests want each of them translated.\n"
WIDTH = 115


def update(language: str) -> int:
    """Writes the catalogue of a language; returns how many of its sentences are not translated."""
    path = FOLDER / f"{language}.po"
    known = Catalog(language)
    if path.exists():
        with path.open("rb") as file:
            known = read_po(file, locale=language)
    catalogue = begin(language, known)
    for sentence in sentences.collect():
        before = known.get(sentence[0] if isinstance(sentence, tuple) else sentence)
        catalogue.add(sentence, before.string if before and before.id == sentence else None)
    with path.open("wb") as file:
        write_po(file, catalogue, width=WIDTH, omit_header=False, include_lineno=False)
    return sum(
        not all([one.string] if isinstance(one.string, str) else one.string or [""]) for one in catalogue if one.id
    )


def begin(language: str, known: Catalog) -> Catalog:
    """Returns an empty catalogue with a short header, the same each time."""
    return Catalog(
        language,
        project="Docent",
        version="1",
        header_comment=HEADER % Locale.parse(language).get_display_name("en"),
        fuzzy=False,
        creation_date=known.creation_date,
        revision_date=known.creation_date,
        last_translator="Docent",
        language_team="Docent",
        msgid_bugs_address="see CONTRIBUTING.md",
    )


if __name__ == "__main__":
    for language in SPOKEN:
        if language != ENGLISH:
            sys.stdout.write(f"{language}: {update(language)} without a translation\n")
