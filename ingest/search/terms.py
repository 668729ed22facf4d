"""Terms: the words of passages and questions in languages other than English, as full-text search compares them.

LanceDB's full text has English endings only, and knows no word in Chinese or Japanese. So a passage in another
language has a second text of its terms, which full text only splits at spaces: stems without accents, pairs of
Chinese and Japanese characters, and of German words what may be parts of a compound, from its beginning and to its
end. Which of these are words is decided by who asks for them: no dictionary knows a company's compounds. A part
begins with a sign, so that it is no word: "Reisekostenabrechnung" is found by "Reisekosten", and not by what else
begins with "Reise". It takes three parts for each word of a German text.
"""

from collections.abc import Iterable, Iterator, Sequence

from ingest.index.candidates import Candidate
from ingest.search.languages import Language, detect_possible, has_cjk, stop_words
from ingest.search.text import STOP_WORDS, content_words, detect_language, split_word, stem_in, words

PART = "+"  # before a part of a compound; no word has it
MAX_WORDS = 40  # of a question; a pasted page has hundreds
_SHORTEST_PART, _SHORTEST_REST, _SHORTEST_COMPOUND = 4, 3, 8  # letters of stems: "lohn" in "lohnzettel"
_SHORTEST_ASKED_PART = 5  # "kost" of "reisekost" would find what a meal costs
_LONGEST_COMPOUND = 40  # letters; no word of a language, but what a file has for one


def of_passage(text: str, language: str) -> str:
    """Returns the terms of a passage, parted by spaces; none of an English one, which full text reads itself.

    ``language`` is that of its document, as a tag; where it is empty or one that search has no rules for, that of
    the passage counts. Of an English passage the words in Chinese and Japanese remain.

    >>> of_passage("Das Zeugnis", "de"), of_passage("有給休暇", "ja"), of_passage("The certificate", "en")
    ('zeugnis', '有給 給休 休暇', '')
    """
    spoken = Language(language) if language in set(Language) else detect_language(text)
    if spoken is not Language.ENGLISH:
        return " ".join(_list_terms(words(text), spoken))
    return " ".join(filter(has_cjk, words(text))) if has_cjk(text) else ""


def of_question(question: str) -> str:
    """Returns the terms of a question, each once, in every language that it may be in; none of an English one.

    >>> of_question("How do I get a certificate?")
    ''
    >>> of_question("Wie bekomme ich ein Zeugnis?")
    'zeugnis +zeugnis'
    """
    own = of_words(content_words(question)[:MAX_WORDS], question)
    return " ".join(dict.fromkeys(" ".join(own).split()))


def of_words(words_: Iterable[str], question: str) -> list[str]:
    """Returns the terms of each of these words of a question, parted by spaces."""
    languages = detect_possible(words(question), STOP_WORDS)
    listed = ([term for language in languages for term in _list_asked([word], language)] for word in words_)
    return [" ".join(dict.fromkeys(own)) for own in listed]


def list_shared_languages(question: str, candidates: Iterable[Candidate]) -> list[Language]:
    """Lists the languages other than English that a question may be in and that some candidate is in."""
    spoken = {candidate.language for candidate in candidates}
    return [language for language in detect_possible(words(question), STOP_WORDS) if language in spoken]


def _list_terms(words_: Iterable[str], language: Language) -> Iterator[str]:
    for stem in _list_stems(words_, language):
        yield stem
        if language is Language.GERMAN:
            yield from (PART + part for part in _list_parts(stem))


def _list_asked(words_: Iterable[str], language: Language) -> Iterator[str]:
    """Yields what passages may have of words: themselves, and in German what they are part of or made of."""
    for stem in _list_stems(words_, language):
        yield stem
        if language is Language.GERMAN and len(stem) >= _SHORTEST_PART:
            yield PART + stem
            yield from (part for part in _list_parts(stem) if len(part) >= _SHORTEST_ASKED_PART)


def _list_stems(words_: Iterable[str], language: Language) -> Iterator[str]:
    ignored = stop_words(language)
    for word in words_:
        if word not in ignored:
            yield from dict.fromkeys(stem_in(form, language) for form in split_word(word) if form not in ignored)


def _list_parts(stem: str) -> Sequence[str]:
    """Returns the beginnings and ends of a German stem that may be words.

    >>> _list_parts("lohnzettel")
    ['lohn', 'lohnz', 'lohnze', 'lohnzet', 'zettel', 'nzettel', 'hnzettel', ...]
    """
    if not stem.isalpha() or not _SHORTEST_COMPOUND <= len(stem) <= _LONGEST_COMPOUND:
        return ()
    ends = range(_SHORTEST_PART, len(stem) - _SHORTEST_REST + 1)
    return [*(stem[:end] for end in ends), *(stem[-end:] for end in ends)]
