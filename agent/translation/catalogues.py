"""The catalogues of translations, a ``.po`` file for each language, read when the first sentence is said in it.

Promises never to fail: where a catalogue is missing or broken, sentences are said in English, and the log tells.
"""

import gettext
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from agent import observability
from agent.translation.languages import ENGLISH

FOLDER = Path(__file__).parent / "catalogues"


@cache
def load(language: str, folder: Path = FOLDER) -> gettext.NullTranslations:
    """Loads a catalogue; an empty one for English, and where there is none that can be read."""
    if language == ENGLISH:
        return gettext.NullTranslations()
    try:
        with (folder / f"{language}.po").open("rb") as file:
            catalogue = read_po(file, locale=language, abort_invalid=True)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        return gettext.GNUTranslations(compiled)
    except (OSError, ValueError, PoFileError) as error:
        observability.log.warning("catalogue_unreadable", language=language, error_type=type(error).__name__)
        return gettext.NullTranslations()
