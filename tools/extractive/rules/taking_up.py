"""Finds what a short message takes up of the answer before it: what a "yes" accepts, which item "the last" is.

An offer is a question in the answer ("Would you like to know how to cancel it?"), or what it refers to ("See also
…"). Whatever is taken up is asked then, in the words of the answer.
"""

import re
from collections.abc import Sequence

from agent.turn.history import OFFERED_BELOW

MAX_CHARS = 60  # of a message that takes something up; a longer one says itself what it is about
OFFER_CHARS = 300
_YES = re.compile(
    r"(?:(?:yes|yeah|yep|yup|sure|absolutely|definitely|of course|certainly|go ahead|go on|please do|show me"
    r"|please|tell me(?: more)?|i do|i would|i'd (?:like|love) (?:that|to)|that would be (?:great|nice|good)"
    r"|ja|gerne?|klar|na klar|natürlich|unbedingt|bitte|sag mir|sagen sie es mir"
    r"|oui|volontiers|bien sûr|d'accord|avec plaisir|s'il (?:te|vous) pla[iî]t|svp|dis-moi|dites-moi"
    r"|s[ií]|claro(?: que s[ií])?|por supuesto|por favor|dime|d[ií]game"
    r"|sim|com certeza|pode ser|diga-me|me diga|quero"
    r"|はい|お願いします|ぜひ|教えてください|ええ|是的?|好的?|好啊|请|要|当然|麻烦了)(?:[\s,.!。、，！]+|$))+"
    r"(?:(?:thanks?|thank you|danke|merci|gracias|obrigad[oa]|谢谢)[\s.!。！]*)?",
    re.IGNORECASE,
)
_AGREES = re.compile(
    r"(?:ok|okay|k|alright|all right|in ordnung|vale|tá bom|了解|可以)[\s,.!。！]*(?:please|bitte)?[\s.!]*",
    re.IGNORECASE,
)
_TO_KNOW = (
    r"(?:know|see|hear|learn|read|look at|find out|have|get)(?: more)?(?: about| on)?"
    r"|(?:me to |i )?(?:tell|show|give|explain|look up|find|list|describe|check)(?: you)?(?: more)?(?: about| on)?"
)
_QUESTIONS = (
    re.compile(
        r"\b(?:would you (?:also )?(?:like|want)(?: me)?(?: to)?|do you (?:also )?want(?: me)?(?: to)?"
        rf"|(?:shall|should|can|may)(?= i\b)|want(?: me)? to|interested in)\s(?:also )?(?:(?:{_TO_KNOW})\s)?"
        r"(?P<offer>[^?\n]+)\?",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:möchten sie|möchtest du|wollen sie|willst du|soll ich(?: ihnen| dir)?)(?: auch| noch| mehr)*"
        r"(?: über)?\s(?:(?:wissen|erfahren|sehen|hören|lesen|erklären|zeigen|nachsehen),?\s)?(?P<offer>[^?\n]+?)"
        r"(?:\s(?:wissen|erfahren|sehen|hören|lesen|erklären|zeigen|nachsehen))?\s?\?",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:voulez-vous|souhaitez-vous|veux-tu|souhaites-tu|voudriez-vous|aimeriez-vous|dois-je)(?: aussi)?\s"
        r"(?:(?:en )?(?:savoir|connaître|voir|lire|apprendre|vous expliquer|vous montrer)(?: plus)?(?: sur)?\s)?"
        r"(?P<offer>[^?\n]+?)\s?\?",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:\b|¿)(?:quieres|quiere|deseas?|te gustaría|le gustaría)(?: también)?\s"
        r"(?:(?:saber|ver|conocer|leer|que (?:te|le) (?:explique|muestre))(?: más)?(?: sobre)?\s)?"
        r"(?P<offer>[^?\n]+?)\s?\?",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:quer|queres|deseja|gostaria de|gostarias de)(?: também)?\s"
        r"(?:(?:saber|ver|conhecer|ler|que eu (?:explique|mostre))(?: mais)?(?: sobre)?\s)?"
        r"(?P<offer>[^?\n]+?)\s?\?",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?P<offer>[^。？?\n]{2,}?)(?:を|について)?(?:知りたい|ご覧になりたい|お知りになりたい)ですか[？?]?"
    ),
    re.compile(r"(?:你|您)?(?:还)?(?:想|要|需要)(?:知道|了解|看看|看)(?P<offer>[^。？?\n]{2,}?)吗[？?]?"),
)
_REFERRAL = re.compile(
    rf"(?:\b(?:{re.escape(OFFERED_BELOW)}|see also|read more about|more on this|related|siehe auch|voir aussi"
    r"|véase también|ver también|veja também|ver também)\b"
    r"|関連項目|参见|另见)[\s:：]+(?P<offer>[^\n]{2,300}?)[.。]?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_MARKUP = re.compile(r"\]\([^)\s\]]*\)|[*_`\[]")
_REFERENCES = re.compile(r"(?:(?<!\s)\s++)?\[\d+\]")
_ITEM = re.compile(r"^(?P<indent> *)(?:[-*•]|\d{1,3}[.)])\s+(?P<text>.+)$", re.MULTILINE)
_ORDER = (
    "first|1st|erste[rsn]?|premi(?:er|ère)|primer[oa]?|primeir[oa]|最初|[1１一]番目|[1１一]つ目|第一",
    "second|2nd|zweite[rsn]?|deuxième|seconde?|segund[oa]|[2２二]番目|[2２二]つ目|第二",
    "third|3rd|dritte[rsn]?|troisième|tercer[oa]?|terceir[oa]|[3３三]番目|[3３三]つ目|第三",
    "fourth|4th|vierte[rsn]?|quatrième|cuart[oa]|quart[oa]|[4４四]番目|[4４四]つ目|第四",
    "fifth|5th|fünfte[rsn]?|cinquième|quint[oa]|[5５五]番目|[5５五]つ目|第五",
)
_LAST = r"last|letzte[rsn]?|derni(?:er|ère)|últim[oa]|最後|最后"
_OTHER = r"other|andere[rsn]?|autre|otr[oa]|outr[oa]|もう一つ|もうひとつ|另一"
_POINTS = re.compile(
    r"(?:(?:and|or|but|so|what about|how about|what is|und|was ist mit|et|y|e)\s+)*"
    r"(?:(?:the|der|die|das|den|dem|le|la|l'|el|los|o|a)\s*)?"
    rf"(?:(?P<last>{_LAST})|(?P<other>{_OTHER})|"
    + "|".join(f"(?P<n{i}>{word})" for i, word in enumerate(_ORDER))
    + r")\s*(?:one|step|item|option|point|part|case|rule|schritt|punkt|étape|paso|passo|ponto|punto"
    r"|の?(?:もの|手順|項目)?|[个步条]+|一个)?(?:\s*(?:please|bitte))?[\s?？.!。]*",
    re.IGNORECASE,
)


def take_up(message: str, answer: str) -> str:
    """Returns what the message takes up of the answer, in its words; empty where it takes nothing up.

    >>> take_up("yes please", "Ask your lead. Would you like to know how to cancel leave?")
    'how to cancel leave?'
    >>> take_up("the second one?", "- Fill in the form [1]\\n- Tell your team [1]")
    'Tell your team'
    """
    said = " ".join(message.split())
    if not 0 < len(said) <= MAX_CHARS:
        return ""
    if points := _POINTS.fullmatch(said):
        return _find_item(points, _list_items(answer))
    if _YES.fullmatch(said):
        return next(reversed(_list_offers(answer)), "")
    if not _AGREES.fullmatch(said):
        return ""
    last_line = _clean(answer).rpartition("\n")[2]
    is_asked = last_line.endswith(("?", "？")) and not _REFERRAL.search(last_line)
    return next(reversed(_list_offers(last_line)), "") if is_asked else ""


def _list_items(answer: str) -> list[str]:
    """Returns the items of an answer's lists, without the lists that stand in items."""
    items = list(_ITEM.finditer(answer))
    outermost = min((len(item["indent"]) for item in items), default=0)
    return [_clean(item["text"]) for item in items if len(item["indent"]) == outermost]


def _find_item(points: re.Match[str], items: Sequence[str]) -> str:
    """Returns the item of a list that is pointed at; "the other" is the second of two."""
    named = points.groupdict()
    if named["other"]:
        return items[1] if len(items) == 2 else ""
    if named["last"]:
        return items[-1] if items else ""
    n = next(i for i in range(len(_ORDER)) if named[f"n{i}"])
    return items[n] if n < len(items) else ""


def _list_offers(answer: str) -> list[str]:
    """Returns what an answer offers, in its order; questions end in a question mark."""
    plain = _clean(answer[-4 * OFFER_CHARS :])
    found = [match for pattern in (*_QUESTIONS, _REFERRAL) for match in pattern.finditer(plain)]
    return [_word(match) for match in sorted(found, key=lambda match: match.start("offer"))]


def _word(match: re.Match[str]) -> str:
    offer = match["offer"].strip(" :-\"'")[:OFFER_CHARS]
    return f"{offer}?" if match.re is not _REFERRAL and not offer.endswith("?") else offer


def _clean(text: str) -> str:
    return _MARKUP.sub("", _REFERENCES.sub("", text)).strip()
