"""Tells pages from what a site shows in their place with status 200: a login, an error, a guard against robots.

Judges by a page's names (its title and headings), words and forms. Promises to keep a page that is *about* signing
in or about errors, and one with a login beside its text: what stands in a page's place says hardly anything else.
A page without a form for a login, or a link to one, is a wall only where all that it says is to sign in.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import compress

from ingest.sources.web import wall_words
from ingest.sources.web.masking import mask_ids

MAX_WORDS = 150  # of a page that may be a wall; walls have 10 to 60, an error with suggestions more
_MAX_DEMAND_WORDS = 30
_MAX_REDIRECT_WORDS = 15
_MAX_FORM_WORDS = 40  # of a login; a longer form is around a page, as those of ASP.NET are
_MAX_NAME_WORDS = 5  # of a heading that may be the company's
_MOSTLY = 0.6  # of the words that mean something
_SENTENCE = re.compile(r"(?<=[.!?…])\s+(?=\w)")
_MAX_SENTENCE_CHARS = 160
_N_HEADINGS = 3  # read for an error; a login is named by the first

_THE = r"(?:(?:the|this|that|your|requested)\s+){0,2}"
_PAGE = rf"{_THE}(?:page|file|document|content|url|address|link|resource)(?: (?:that )?(?:you|we)\b.{{2,40}})?"
_NOT = r"(?:(?:is|was|could|can|does|do|has|have)?(?: ?n['’]?o?t)|cannot|can['’]?t|no longer)"
_ERROR = re.compile(
    r"\W*(?:(?:oops|sorry|ups|hoppla|uh[ -]?oh|whoops|désolé|leider)\W+)?"
    r"(?:(?:http|error|fehler|erreur|status)\W+(?:code\W+)?)?(?:(?:404|410|5\d\d)\W+)?(?:"
    r"(?:error\W*)?(?:404|410|5\d\d)(?:\W+(?:error|page|file))?"
    rf"|{_PAGE}\s{_NOT} (?:longer )?(?:be )?(?:found|exists?|available|here|there|located)(?: .{{0,20}})?"
    rf"|{_PAGE}\s(?:is |has been |was )?(?:missing|unavailable|gone|removed|deleted|moved)"
    r"|we (?:can['’]?t|cannot|could ?n['’]?o?t) (?:seem to )?find (?:that|this|the|your) page.{0,40}"
    r"|(?:an? )?(?:\w+ )?error(?: has)?(?: occurred)?|something went wrong|fehler"
    r"|not found|nothing (?:was )?found.{0,6}"
    r"|(?:internal )?server error|service (?:temporarily )?unavailable|bad gateway|gateway time-?out"
    r"|(?:es ist )?ein (?:\w+ )?fehler (?:ist )?aufgetreten"
    r"|(?:(?:die|diese|dieser|der|das)\s+)?(?:\w+ )?(?:seite|inhalt|adresse|dokument)(?: \w+)? "
    r"(?:wurde |konnte |ist )?(?:leider )?(?:nicht|existiert nicht)(?: mehr)?"
    r"(?: (?:gefunden|verfügbar|vorhanden|existiert))?(?: werden)?"
    r"|(?:la )?page (?:\w+ )?(?:est )?(?:introuvable|non trouv[ée]e|n['’]existe (?:pas|plus)|n['’]a pas .{2,30})"
    r"|(?:la )?p[áa]gina (?:\w+ )?(?:no (?:encontrada|existe|se .{2,30})|non trovata|n[ãa]o encontrada"
    r"|niet gevonden)"
    r")\W*(?:\(?(?:error\W*)?404\)?\W*)?1?",
    re.IGNORECASE,
)
_BARE_STATUS = re.compile(r"\W*\d{3}\W*")
_SIGN_IN = r"(?:sign|log)[ -]?(?:in|on)"
_PLAIN_LOGIN = re.compile(
    rf"(?:please )?{_SIGN_IN}(?: (?:required|page|form)| to .{{1,40}}| with .{{1,30}})?\W*"
    r"|login(?: (?:page|form))?|welcome back\W*|single sign[ -]?on|anmelden|anmeldung|einloggen|se connecter"
    r"|connexion|iniciar sesi[óo]n|acced[ie]|inloggen|zaloguj(?: się)?|вход|войти",
    re.IGNORECASE,
)
_GUARD = re.compile(
    r"just a moment\W*|attention required\W*.{0,20}|(?:\d{3}\W+)?(?:access denied|unauthori[sz]ed|forbidden)"
    r"|authentication required|(?:your )?session (?:has )?(?:expired|timed out)|verify(?:ing)? you are human\W*"
    r"|(?:please )?(?:you (?:need|must|have)(?: to)? )?(?:enable|activate|turn on) (?:javascript|cookies)\b.*"
    r"|javascript (?:is|must be) (?:required|disabled|enabled)\b.*|.{0,40}\brequires javascript\b.*"
    r"|bitte .{0,20}javascript\b.*|javascript .{0,30}aktivieren\W*",
    re.IGNORECASE,
)
_DEMAND = re.compile(
    rf"(?:please |(?:you|users) (?:must|need to|have to|are required to|should) (?:be )?)(?:first )?"
    r"(?:(?:sign|log)(?:ged)?[ -]?(?:in|on)|authenticate|provide your|enter your (?:user|pass|cred|email))"
    rf"|{_SIGN_IN} (?:(?:is )?required|with (?:\w+ ){{0,4}}or|to (?:see|view|access|continue|read|proceed|use))"
    rf"|you (?:are|have|'re)(?: not| been) (?:{_SIGN_IN}|logged|signed)|your session"
    r"|bitte (?:melden|loggen|geben|anmelden|einloggen)|(?:sie )?müssen (?:sie )?sich|(?:melden|loggen) sie sich"
    r"|veuillez (?:vous|saisir|entrer)|connectez-vous|inicie sesi|debe iniciar|accedi |log in om ",
    re.IGNORECASE,
)
_AWAY = re.compile(r"\b(?:redirect\w*|moved|continue|here)\b", re.IGNORECASE)
_BOILERPLATE = re.compile(
    r"cookie|consent|gdpr|advertis|analytics|tracking|personali[sz]|third[ -]part|our partners|unauthori[sz]ed"
    r"|authori[sz]ed use|prohibited|monitored|einwillig|datenschutz|traceurs|vie privée|privacy|your choices?\b"
    r"|preferences|legitimate interest|accept all|reject all|opt[ -]out|your experience|your consent",
    re.IGNORECASE,
)


class WallKind(StrEnum):
    """What stands in a page's place."""

    LOGIN = "login"
    ERROR = "error"


@dataclass
class PageSigns:
    """What shows whether a page is one. Texts around the main text (menus, heads, feet) do not count."""

    titles: list[str] = field(default_factory=list)  # the parts of the title: the page's, and the site's
    headings: list[str] = field(default_factory=list)
    text: str = ""  # without headings and forms
    link_text: str = ""  # what of it is linked
    form_text: str = ""
    has_password: bool = False
    has_login_form: bool = False  # one that is sent to a login
    has_login_around: bool = False  # a password field in a head or foot
    has_login_link: bool = False


def find_wall(signs: PageSigns) -> WallKind | None:
    """Returns what a page is, if it is none.

    >>> find_wall(PageSigns(["Sign in"], form_text="Email Password", has_password=True))
    <WallKind.LOGIN: 'login'>
    >>> find_wall(PageSigns(["Sign in"], text="Open the client, press Connect, and hold your badge to it."))
    """
    text = mask_ids(signs.text)
    if len(wall_words.split(signs.form_text)) > _MAX_FORM_WORDS:
        text = f"{text} {signs.form_text}"
    if _is_error(signs, text):
        return WallKind.ERROR
    is_login = _is_login(signs, text) if signs.has_password or signs.has_login_form else _asks(signs, text)
    return WallKind.LOGIN if is_login else None


def _is_error(signs: PageSigns, text: str) -> bool:
    words = wall_words.split(text)
    for link_word in wall_words.split(signs.link_text):  # suggestions of other pages
        if link_word in words and not wall_words.is_usual(link_word):
            words.remove(link_word)
    names = [*signs.titles, *signs.headings[:_N_HEADINGS], _first_sentence(text)]
    errors = [name for name in names if name and _ERROR.fullmatch(name)]
    if not errors or len(words) > MAX_WORDS:
        return False
    is_named = not all(map(_BARE_STATUS.fullmatch, errors))  # else it may be a room's number
    n_other = sum(not wall_words.is_usual(word) for word in words)
    return wall_words.share(words) >= _MOSTLY or (is_named and n_other <= 1)


def _is_login(signs: PageSigns, text: str) -> bool:
    """Returns whether a page with a form for a login says hardly anything beside it."""
    names = [*signs.titles, *signs.headings[:1]]
    is_about_cookies = any(map(_BOILERPLATE.search, names))
    main = _without_boilerplate(text)
    named = {word for name in signs.titles for word in wall_words.split(name)}
    if signs.headings and len(heading := wall_words.split(signs.headings[0])) <= _MAX_NAME_WORDS:
        named.update(heading)
    words = [word for word in wall_words.split(main) if word not in named or wall_words.is_usual(word)]
    is_plain = any(map(_PLAIN_LOGIN.fullmatch, names)) and signs.has_password
    is_bare = wall_words.share(words) >= _MOSTLY and not is_about_cookies
    return is_bare or (is_plain and len(words) <= MAX_WORDS)


def _without_boilerplate(text: str) -> str:
    """Leaves out the sentences about cookies and the law, and single ones between them."""
    sentences = _SENTENCE.split(text)
    marks = [False, *(bool(_BOILERPLATE.search(sentence)) for sentence in sentences), False]
    kept = (
        not (mark or (before and after)) for before, mark, after in zip(marks, marks[1:], marks[2:], strict=False)
    )
    return " ".join(compress(sentences, kept))


def _asks(signs: PageSigns, text: str) -> bool:
    """Returns whether a page without a form for a login shows nothing but a demand for one, or a guard."""
    names = [*signs.titles, *signs.headings[:1]]
    words = wall_words.split(text)
    if len(words) > MAX_WORDS or wall_words.share(words) < _MOSTLY:
        return False
    is_short = len(words) <= _MAX_DEMAND_WORDS
    if any(map(_GUARD.fullmatch, [*names, _first_sentence(text) if is_short else ""])):
        return True
    asks = is_short and bool(_DEMAND.match(text))
    if signs.has_login_link and len(words) <= _MAX_REDIRECT_WORDS:
        return asks or bool(_AWAY.search(" ".join([*signs.headings[:1], text])))
    is_plain = any(map(_PLAIN_LOGIN.fullmatch, names)) and not _SENTENCE.search(text)
    return asks and (signs.has_login_around or signs.has_login_link or is_plain)


def _first_sentence(text: str) -> str:
    return _SENTENCE.split(text, maxsplit=1)[0][:_MAX_SENTENCE_CHARS]
