"""What search knows of each language: how a question in it is recognised, its stop words, and its word endings.

English endings are those of :mod:`.text`. German, French, Spanish and Portuguese are stemmed by Snowball. Chinese
and Japanese have no spaces between words: there every two characters in a row count as one (the bigrams that
Lucene's CJKAnalyzer takes).
"""

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

import Stemmer

_HIRAGANA = re.compile(r"[\u3040-\u309f]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_HAS_CJK = re.compile(f"[{_CJK}]")
_RUNS = re.compile(f"[{_CJK}]+|[^{_CJK}]+")
_SHORTEST_PART, _SHORTEST_REST = 5, 3  # letters of a part of a compound, and of what is beside it
_TELLING = 2  # stop words of a language; a single one may be a name, or another language's
_GERMAN_SPELLINGS = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("ß", "ss"))  # umlauts have lost their dots already


class Language(StrEnum):
    """A language that search has rules for, by its ISO 639-1 code."""

    ENGLISH = "en"
    GERMAN = "de"
    FRENCH = "fr"
    SPANISH = "es"
    PORTUGUESE = "pt"
    JAPANESE = "ja"
    CHINESE = "zh"


_SNOWBALL = {
    Language.GERMAN: "german",
    Language.FRENCH: "french",
    Language.SPANISH: "spanish",
    Language.PORTUGUESE: "portuguese",
}
_ROMANCE = (Language.FRENCH, Language.SPANISH, Language.PORTUGUESE)
# Without accents, as words are compared. What asks, relates and replaces; no word that a document may be about.
_STOP_WORDS = {
    Language.GERMAN: """
aber alle allem allen aller alles als also am an andere anderen auch auf aus bei beim bekomme bekommen
bekommt bin bis bitte da dabei dafur damit dann darf darfst das dass dazu dein deine dem den denn der des
dessen die dies diese diesem diesen dieser dieses doch dort du durch durfen ein eine einem einen einer eines
er es etwas fur gegen gehort gelten gibt gilt habe haben hat hatte ich ihm ihn ihr ihre im in ins ist ja
jede jedem jeden jeder jedes kann kannst kein keine keinen keiner komme konnen konnte lange machen macht man
mehr mein meine meinem meinen meiner mich mir mit muss mussen musst nach nicht noch nun nur ob oder ohne
schon sein seine sehr sich sie sind so soll sollen sollte sonst uber um und uns unser unsere unter viel
viele vom von vor wann war waren warum was welche welchem welchen welcher welches wem wen wenn wer werde
werden wie wieviel wieviele wieso will wir wird wo wofur woher wohin womit wurde wurden zu zum zur zwischen
""",
    Language.FRENCH: """
a ai aller alors apres as au aucun aussi autre aux avant avec avoir avons c ce cela ces cet cette ceux
chaque chez comme comment combien d dans de depuis des deux doit doivent donc dois du elle elles en encore
entre es est et etait etre eu fait faire faut il ils j je jusqu l la le les leur leurs lors lorsque lui m ma
mais me meme mes moi moins mon n ne ni nos notre nous on ont ou par pas pendant peut peuvent peux plus pour
pourquoi puis puisse qu quand que quel quelle quelles quels qui quoi s sa sans se sera ses si soit son sont
sous sur ta te tes toi ton tous tout toute toutes tres tu un une va vais vers vos votre vous y
""",
    Language.SPANISH: """
a al algo alguien algun alguna antes aqui asi aun aunque bajo cada como con contra cual cuales cuando cuanta
cuantas cuanto cuantos de debe deben debo del desde donde dos durante e el ella ellas ellos en entre era es
esa ese eso esta estan estar este esto estos estoy fue ha hace hacer hacia hago han hasta hay he la las le
les lo los mas me mi mis muy ni no nos nosotros nuestra nuestro o os otra otro para pero poco por porque
pueda puede pueden puedo pues que quien quienes se sea segun ser si sin sobre son soy su sus tambien tan
tanto te tener tengo ti tiene tienen todo todos tras tu tus un una uno unos usted ustedes va y ya yo
""",
    Language.PORTUGUESE: """
a ao aos apos aquele aquilo as ate cada com como contra da das de dele delas deles depois desde deve devem
devo do dos durante e ela elas ele eles em entre era essa esse esta estao estar este eu fazer faco foi for
ha isso isto ja la lhe mais mas me mesmo meu meus minha minhas muito na nao nas nem no nos nossa nosso num
numa o onde os ou para pela pelas pelo pelos perante pode podem posso por porque pois pra quais qual quando
quanta quantas quanto quantos que quem se seja sem ser seu seus sob sobre sua suas sao tambem tao te tem
temos tenho ter teu tu tua tudo um uma umas uns vai voce voces
""",
    Language.JAPANESE: """
あり ある いつ いる います うか かか から かど から くだ くら こと され しい した して しま する すか
すが そう たい ださ だれ つい つま てい てく です でし です でき でも とき どう どこ どの とは ない
なる には にな のか ので のは はい はど まし ます まで もの もら より ょう られ れる れば をし
""",
    Language.CHINESE: """
一个 什么 么时 时候 什么 为什 么样 了吗 你们 几个 几天 可以 可不 不可 吗 哪个 哪些 哪里 哪儿 多久
多少 多长 如何 怎么 怎样 我们 我能 我要 我的 是否 是不 不是 有没 没有 的话 能不 谁来 请问 这个 那个
需要 应该
""",
}


@cache
def stop_words(language: Language) -> frozenset[str]:
    """Returns the stop words of a language other than English, as words are compared."""
    return frozenset(_STOP_WORDS.get(language, "").split())


@lru_cache(maxsize=1_000)  # of 200 words at the most: up to 15 MB
def detect(words: Sequence[str], english: frozenset[str] = frozenset()) -> Language:
    """Returns the language of a question by its words: by its script, else by whose stop words it has most.

    ``english`` are the English stop words. English is also what names and key words count as.

    >>> detect(("wie", "viele", "urlaubstage", "habe", "ich")).value
    'de'
    """
    text = " ".join(words)
    if _HAS_CJK.search(text):
        return Language.JAPANESE if _KANA.search(text) else Language.CHINESE
    counts = _count_stop_words(words, _SNOWBALL)
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] > sum(word in english for word in words) else Language.ENGLISH


def detect_possible(words: Sequence[str], english: frozenset[str] = frozenset()) -> tuple[Language, ...]:
    """Returns the languages other than English that a question may be in: several where its words do not tell.

    >>> [language.value for language in detect_possible(("reisekosten", "frist"))]
    ['de', 'fr', 'es', 'pt']
    """
    if _HAS_CJK.search(" ".join(words)):
        return (detect(tuple(words), english),)
    counts = _count_stop_words(words, _SNOWBALL)
    most = max(*counts.values(), sum(word in english for word in words))
    return tuple(language for language, n in counts.items() if n == most or most < _TELLING)


def recognise(words: Sequence[str], english: frozenset[str]) -> Language | None:
    """Returns the language of a question if its words leave no doubt: it has more stop words than any other.

    One word of a Romance language leaves some, as others that are not among ours have it, too; so do characters
    that Chinese and Japanese share: Japanese needs kana, Chinese one of its stop words.
    """
    text = " ".join(words)
    if _HAS_CJK.search(text):
        if _KANA.search(text):
            return Language.JAPANESE
        return Language.CHINESE if any(_count_stop_words(words, [Language.CHINESE]).values()) else None
    counts = {**_count_stop_words(words, _SNOWBALL), Language.ENGLISH: sum(word in english for word in words)}
    best, second = sorted(counts, key=counts.__getitem__, reverse=True)[:2]
    least = 2 if best in _ROMANCE else 1
    return best if counts[best] > counts[second] and counts[best] >= least else None


def _count_stop_words(words: Sequence[str], languages: Iterable[Language]) -> dict[Language, int]:
    return {language: sum(word in stop_words(language) for word in words) for language in languages}


def split_cjk(words: Sequence[str]) -> Iterator[str]:
    """Yields words; a run of Chinese or Japanese characters as each two of them in a row.

    >>> list(split_cjk(["有給休暇", "pc貸与"]))
    ['有給', '給休', '休暇', 'pc', '貸与']
    """
    for word in words:
        if not _HAS_CJK.search(word):
            yield word
            continue
        for run in _RUNS.findall(word):
            if _HAS_CJK.search(run) and len(run) > 1:
                yield from (first + second for first, second in pairwise(run))
            else:
                yield run


def is_compound_part(stem: str, other: str) -> bool:
    """Returns whether one of two German stems begins or ends the other: "reisekost" in "reisekostenabrechn".

    Both must be long enough to be words.
    """
    part, whole = (stem, other) if len(stem) < len(other) else (other, stem)  # asked of thousands of words at once
    is_long = len(part) >= _SHORTEST_PART and len(whole) - len(part) >= _SHORTEST_REST
    return is_long and (whole.startswith(part) or whole.endswith(part))


def drop_grammar(words: Sequence[str]) -> list[str]:
    """Returns Japanese bigrams without those with hiragana, which are mostly grammar; all if no other is left."""
    without = [word for word in words if not _HIRAGANA.search(word)]
    return without or list(words)


def has_cjk(word: str) -> bool:
    """Returns whether a word has a Chinese or Japanese character."""
    return bool(_HAS_CJK.search(word))


@lru_cache(maxsize=20_000)
def stem_snowball(word: str, language: Language) -> str:
    """Returns a word of a language other than English without its ending; of another script the word itself."""
    if language not in _SNOWBALL:
        return word
    if language is Language.GERMAN:
        for spelling, instead in _GERMAN_SPELLINGS:
            word = word.replace(spelling, instead)
    with _stemming:
        stemmed: str = _stemmer(language).stemWord(word)
    return stemmed


_stemming = threading.Lock()  # a stemmer is not for several threads at once


@cache
def _stemmer(language: Language) -> Any:
    return Stemmer.Stemmer(_SNOWBALL[language], maxCacheSize=0)
