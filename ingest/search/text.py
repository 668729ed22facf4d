"""Splits texts into the words that search compares: in lower case, without endings, without stop words.

English endings, British and American spellings ("organise", "colour", "metre"), hyphens ("e-mail", "email") and
signs ("%", "percent") count as one word. What is known of other languages is in :mod:`.languages`.

Why not Snowball: its stems ("polici", "happi") are not parts of the words as written, which finding a word
in a text by its stem relies on. With that mended, searches find as much, but "programme", "kilometre" and "making"
are no longer found in their other forms, and the table of spellings is needed all the same.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

from rapidfuzz.distance import OSA

from ingest.search.languages import Language, detect, drop_grammar, recognise, split_cjk, stem_snowball, stop_words

_WORD = re.compile(r"[^\W_]+(?:[-'’.&][^\W_]+)*|#[\w-]+")
_ACCENTS = dict.fromkeys(range(0x300, 0x370))  # combining marks, which normalising has split off
_ACCENTED = re.compile("[\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff]")  # Latin letters
_INSIDE = re.compile(r"[-.&'#]")
_SIGN = re.compile(r"[%€$£]|\bper cent\b")
_SIGNS = {"%": "percent", "€": "euro", "$": "dollar", "£": "pound", "per cent": "percent"}
_ENDINGS = (
    ("ies", "y"), ("sses", "ss"), ("ied", "y"), ("ing", ""), ("edly", ""), ("ed", ""), ("ly", ""), ("es", ""),
    ("s", ""),
)  # fmt: skip
_SPELLINGS = (  # of a stem: British to American, where both are usual
    (re.compile(r"(?<=[iy])z(?=$|at)"), "s"),
    (re.compile(r"(?<=[a-z]{3})our(?=$|[ai])"), "or"),
    (re.compile(r"tr$"), "ter"),
)
_DETECTED_WORDS = 200  # of a text, which tell its language; detecting remembers them
MAX_WORDS = 40  # of a question; no question that a person types has more, a pasted page has hundreds
_SHORTEST_STEM = 3
_LONG = 7
_SHORTEST_TYPO = 4  # letters; shorter words are one edit from too many
_VOWELS = frozenset("aeiouy")
_STOP_WORDS = """
a about after again all am an and any anybody anyone anything are as at be because been before being but by can
can't cannot could did do does doesn't doing don't each either else ever every everybody everyone everything for
from get gets getting give given go goes going got had has have having he her here hers him his how i i'd i'll
i'm i've if in into is isn't it it's its itself just let like made make many may me might more most much must my
need needs new no not of off on once only or other our ours out over own please put say says shall she should so
some somebody someone something such suddenly take taking tell than that that's the their them then there these
they thing things this those though through to too under until up us use used using very want wanted wants was
we well were what what's whats when where where's wheres whether which while who whom whose why will with
without won't work working works would you your yours yourself anymore still already also actually really long
often soon early late fast far able allowed possible know mean means find happen happens happened hear heard
does different same rule way ways keep today tomorrow yesterday now somewhere anywhere maybe okay ok hi hello
thanks thank im ive dont cant wont isnt we're they're you're haven't hasn't hadn't didn't wasn't weren't aren't
shouldn't wouldn't couldn't wat ur pls plz thx cuz gonna wanna gotta dunno lemme
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


def words(text: str) -> list[str]:
    """Returns the words of a text in lower case and without accents, in order."""
    plain = text.lower().replace("’", "'")
    if any(sign in plain for sign in _SIGNS):
        plain = _SIGN.sub(lambda sign: f" {_SIGNS[sign[0]]} ", plain)
    if not plain.isascii():
        plain = _drop_accents(plain)
    found: list[str] = _WORD.findall(plain)
    if not plain.isascii():
        found = list(split_cjk(found))
    return [word.removesuffix("'s") for word in found] if "'s" in plain else found


def fold_accents(text: str) -> str:
    """Returns a text without the accents of its letters.

    >>> fold_accents("Télétravail à São Paulo")
    'Teletravail a Sao Paulo'
    """
    return _drop_accents(text) if _ACCENTED.search(text) else text


def _drop_accents(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).translate(_ACCENTS)
    return unicodedata.normalize("NFC", plain)  # the marks of kana make other syllables


@lru_cache(maxsize=4_000)  # sentences, titles, headings: 10 MB
def stems(text: str, language: Language = Language.ENGLISH) -> frozenset[str]:
    """Returns the stems of a text, with stop words; a hyphenated word also counts as its parts, and as one."""
    return frozenset(stem_in(form, language) for word in words(text) for form in split_word(word))


def split_word(word: str) -> Iterator[str]:
    """Yields a word; of one with a sign inside also its parts, and the whole without hyphens.

    >>> list(split_word("e-mail"))
    ['e-mail', 'e', 'mail', 'email']
    """
    yield word
    if not word.isalnum():
        yield from filter(None, _INSIDE.split(word))
        yield word.replace("-", "")


def stem_in(word: str, language: Language) -> str:
    """Returns a word without the endings of a language."""
    return stem(word) if language is Language.ENGLISH else stem_snowball(word, language)


def detect_language(question: str) -> Language:
    """Returns the language of a question; English where nothing speaks for another."""
    return _detect(words(question))


def recognise_language(question: str) -> Language | None:
    """Returns the language of a question where its words leave no doubt; None of names, key words and other
    languages.

    >>> recognise_language("Wie viele Tage habe ich?"), recognise_language("VPN"), recognise_language("有給休暇")
    (<Language.GERMAN: 'de'>, None, None)
    """
    return recognise(tuple(words(question)[:_DETECTED_WORDS]), STOP_WORDS)


def _detect(words_: list[str]) -> Language:
    return detect(tuple(words_[:_DETECTED_WORDS]), STOP_WORDS)


def contains_word(word: str, text: str) -> bool:
    """Returns whether a text in lower case may contain a word, in any form or spelling."""
    return stem(word) in text or bool(find_spellings(word, words_beginning_with(word[0], text)))


def find_spellings(word: str, others: Iterable[str]) -> list[str]:
    """Returns those of the other words, or signs, that are this word in any form or spelling, also hyphenated."""
    pattern = _spelling_pattern(word)
    return [other for other in others if pattern.match(other)]


def words_beginning_with(letter: str, text: str) -> list[str]:
    """Returns the words of a text in lower case that begin with a letter, also after a hyphen, and the signs whose
    names do."""
    first = re.escape(letter)
    rests = re.findall(rf"{first}(?<!\w{first})(?=([\w-]*+))", text)  # the letter first: a tenth of the time
    signs = [sign for sign, name in _SIGNS.items() if name[0] == letter and sign in text]
    return [letter + rest for rest in rests] + signs


def first_words(question: str) -> list[str]:
    """Returns the first content words: those that are looked at one by one, which takes milliseconds each."""
    return content_words(question)[:MAX_WORDS]


def content_words(text: str) -> list[str]:
    """Returns the words that carry a question's meaning, each once, in order.

    >>> content_words("Where can I park my bicycle?")
    ['park', 'bicycle']
    """
    found = words(text)
    language = _detect(found)
    ignored = STOP_WORDS if language is Language.ENGLISH else stop_words(language)
    content = list(dict.fromkeys(w for w in found if w not in ignored and (len(w) > 1 or w.isdigit())))
    return drop_grammar(content) if language is Language.JAPANESE else content


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Returns the word without an English ending: the same for its usual forms, not always a word itself.

    >>> {stem(word) for word in ("organise", "organized", "organising")}
    {'organis'}
    """
    if word[-1:].isdigit():
        return word  # 2022 is another year than 202
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            word = word[: -len(ending)] + instead
            break
    word = word.removesuffix("e") if len(word) > _SHORTEST_STEM else word
    for spelling, instead in _SPELLINGS:
        word = spelling.sub(instead, word)
    if len(word) > _SHORTEST_STEM and word[-1] == word[-2]:
        is_ending = word[-1] not in "aeiosl" or (word[-1] == "l" and len(word) >= _LONG)
        word = word[:-1] if is_ending else word  # "stopp" of "stopped", "travell" of "travelled", but "call"
    return word


@lru_cache(maxsize=2_000)
def _spelling_pattern(word: str) -> re.Pattern[str]:
    """Builds a pattern of the stem in any spelling, also hyphenated; for a sign's name, of the sign."""
    stemmed = stem(word)
    if signs := [re.escape(sign) for sign, name in _SIGNS.items() if name == stemmed]:
        return re.compile("|".join(signs))
    pattern = "-?".join(re.escape(letter) for letter in stemmed.replace("-", ""))
    for other, both in (("o-?r", "o-?u?-?r"), ("i-?s", "i-?[sz]"), ("y-?s", "y-?[sz]")):
        pattern = pattern.replace(other, both)
    pattern = re.sub(r"t-\?e-\?r$", "t-?e?-?r", pattern)
    return re.compile(re.sub(r"y$", "(?:y|ie)", pattern))


@lru_cache(maxsize=20_000)
def is_misspelt_stop_word(word: str) -> bool:
    """Returns whether an unknown word is probably a misspelt stop word: "meny", "wich", "befor", "shoud".

    Only letters left out, doubled or swapped and vowels exchanged count: another consonant makes another word.
    """
    if len(word) < _SHORTEST_TYPO or word in STOP_WORDS:
        return False
    return any(_is_simple_typo(word, other) for other in STOP_WORDS if other[0] == word[0])


def _is_simple_typo(word: str, other: str) -> bool:
    if len(other) < _SHORTEST_TYPO or _distance(word, other, 1) > 1:
        return False
    if len(word) != len(other) or sorted(word) == sorted(other):
        return len(word) <= len(other) or any(a == b for a, b in pairwise(word))
    return all(a == b or {a, b} <= _VOWELS for a, b in zip(word, other, strict=True))


def is_misspelt(word: str, other: str) -> bool:
    """Returns whether one is likely a typo of the other: one edit apart, two in long words, same first letter."""
    longest = max(len(word), len(other))
    if word == other or longest < 4 or word[0] != other[0] or word.isdigit():
        return word == other
    if longest == 4 == len(word) == len(other):
        return sorted(word) == sorted(other)  # a letter exchanged in so short a word makes another word
    allowed = 1 if longest < 10 else 2
    return abs(len(word) - len(other)) <= allowed and _distance(word, other, allowed) <= allowed


def _distance(one: str, other: str, allowed: int) -> int:
    """Counts the edits between two words, a swap of neighbours as one; stops counting after ``allowed``."""
    return OSA.distance(one, other, score_cutoff=allowed)
