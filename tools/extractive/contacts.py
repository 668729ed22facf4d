"""Finds whom one can ask: the statements that name a person, a team, a channel or an address.

Looks on the best page first, and on the next only where that one names nobody.
"""

import re
from collections.abc import Sequence

from tools.extractive.statements import Statement

N_CONTACTS = 3
_NUMBER = r"(?!\d{4}-\d\d-\d\d)\d[\d ()/.-]{2,20}\d"  # no date
_ADDRESS = re.compile(
    r"[\w.+-]+@[\w-]+\.\w|(?<![\w&])#[a-z][\w-]*[a-z][\w-]*|(?<!\w)@[a-z][\w.-]+"
    rf"|(?<!\w)\+{_NUMBER}|(?<!\w)\(\d{{2,5}}\) ?{_NUMBER}"
    r"|\b(?:tele)?(?:ph?one|tel|call|dial|ext(?:ension)?|hotline|mobile|telefon|téléphone|teléfono|telefono|telefone)\b"
    rf"\W{{1,3}}(?:\w+\W{{1,3}}){{0,2}}?{_NUMBER}",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"\b(?:ask|contact|e-?mail|call|phone|message|ping|talk to|speak (?:to|with)|write to|turn to|reach(?: out)?"
    r"|get in touch with|report (?:it|this|that)? ?to|notify|inform|tell|questions?|responsible|in charge"
    r"|fragen?|wenden|kontaktieren|zuständig|ansprechpartner\w*|melden|demander|contacter|adresser|responsable|preguntar?"
    r"|contactar|encargad[oa]|chiedere|rivolgersi|contattare|perguntar|contatar|responsável)\b",
    re.IGNORECASE,
)
_SOMEBODY = re.compile(
    r"\b(?:supervisor|manager|lead|team|desk|office|officer|director|department|coordinator|specialist"
    r"|representative|partner|administrator|owner|human resources|(?-i:HR|IT)|people ops|buddy|colleague|committee"
    r"|vorgesetzt\w*|abteilung|leitung|chef\w*"
    r"|responsable|équipe|service|equipo|departamento|ufficio|equipe)\b",
    re.IGNORECASE,
)


def find_contacts(statements: Sequence[Statement]) -> list[int]:
    """Returns the places of the statements that most surely name whom to ask, at most three, in the page's order.

    ``statements`` come in the order of their passages, the best first.
    """
    for title in dict.fromkeys(statement.title for statement in statements):
        strengths = {i: _rate(s) for i, s in enumerate(statements) if s.title == title}
        if strongest := max(strengths.values(), default=0):
            best = [i for i, value in strengths.items() if value == strongest]
            return _drop_repeats(statements, best)[:N_CONTACTS]
    return []


def _rate(statement: Statement) -> int:
    """Returns how surely the statement names whom to ask: 0 where it does not."""
    text = f"{statement.lead} {statement.text}"
    has_address, asks = bool(_ADDRESS.search(statement.text)), bool(_ASKING.search(text))
    if has_address:
        return 3 if asks else 2
    return int(asks and bool(_SOMEBODY.search(statement.text)))


def _drop_repeats(statements: Sequence[Statement], places: Sequence[int]) -> list[int]:
    by_text = {statements[i].text.casefold(): i for i in reversed(places)}
    return [i for i in places if by_text[statements[i].text.casefold()] == i]
