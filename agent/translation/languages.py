"""The languages that our sentences are translated into, and the rule by which one is chosen.

English is the source: it is what stands in the code, and what is said where a translation is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from agent.settings import LanguageSetting

ENGLISH = "en"
SPOKEN: tuple[str, ...] = get_args(LanguageSetting)[1:]
# The regions whose dates and numbers are written; a locale of another region of the language counts as these.
REGIONS: Mapping[str, str] = {
    "en": "en_GB", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "pt": "pt_BR", "ja": "ja_JP", "zh": "zh_Hans_CN",
}  # fmt: skip


@dataclass(frozen=True)
class Speech:
    """What is spoken: ``person`` is the language of the person, ``answer`` that of the answer they get.

    The text of an answer is in the language of the question, whatever their Slack is set to; everything around it
    is in theirs.
    """

    person: str = ENGLISH
    answer: str = ENGLISH


def parse_locale(locale: str) -> str:
    """Returns the language of a locale as Slack writes it; empty where nothing is translated into it.

    >>> parse_locale("de-DE"), parse_locale("zh_CN"), parse_locale("it-IT"), parse_locale("")
    ('de', 'zh', '', '')
    """
    language = locale.replace("_", "-").partition("-")[0].lower()
    return language if language in SPOKEN else ""


def choose(setting: str, locale: str, question: str = "") -> Speech:
    """Chooses what is spoken to a person: what the operator set, else their Slack's language, else the question's,
    else English.

    ``locale`` is empty where it is not known; ``question`` is the language of the question where that is clear.

    >>> choose("auto", "de-DE", "fr"), choose("auto", "", "fr"), choose("auto", "it-IT"), choose("ja", "de-DE")
    (Speech(person='de', answer='fr'), Speech(person='fr', answer='fr'), Speech(person='en', answer='en'), \
Speech(person='ja', answer='ja'))
    """
    asked = question if question in SPOKEN else ""
    if setting in SPOKEN:
        return Speech(setting, asked or setting)
    person = parse_locale(locale) or asked or ENGLISH
    return Speech(person, asked or person)
