"""Tells pages from what a site shows in their place with status 200: a login, an error, a guard against robots.

Judges by a page's title, words and forms. Promises to keep a page that is *about* signing in or about errors, and
one with a small login beside its text: what stands in a page's place says hardly anything else.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

MAX_WORDS = 150  # of a page that may be a wall; walls have 10 to 60, an error with suggestions more
_MAX_BARE_WORDS = 60  # of one without a password field
_MAX_REDIRECT_WORDS = 15
_MAX_OTHER_WORDS = 2  # beside a form: the company's name
_MOSTLY, _HALF = 0.6, 0.5  # of the words
_NEARLY_ALL = 0.75
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_ERROR = re.compile(
    r"(?:oops\W*|sorry\W*)?(?:"
    r"(?:error\W*)?(?:404|410)(?:\W+(?:error|not found|(?:page|file)\b.{0,30}))?"
    r"|(?:error\W+)?(?:(?:the|this|that)\s+)?(?:page|file|document|content) (?:was |could |can )?"
    r"(?:not |['’]t )(?:be )?(?:found|exist|available)"
    r"|(?:(?:the|this|that)\s+)?page (?:does ?n[o'’]t|doesn['’]t|does not) exist"
    r"|(?:(?:the|this|that)\s+)?page (?:can['’]?t|cannot|couldn['’]t) be found"
    r"|we can['’]?t find (?:that|this|the) page|page (?:unavailable|missing)|not found"
    r"|nothing (?:was )?found(?: here)?"
    r"|(?:5\d\d\W+)?(?:internal server error|service unavailable|bad gateway|gateway time-?out)"
    r"|seite nicht gefunden|page (?:introuvable|non trouv[ée]e)|p[áa]gina no encontrada|pagina non trovata"
    r"|pagina niet gevonden|p[áa]gina n[ãa]o encontrada"
    r")\W*(?:\(?(?:error\W*)?404\)?\W*)?",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"(?!(?:how|where|when|why|what|about|help|using|signing|cannot|can)\b)(?:"
    r"(?:please )?(?:sign|log)[ -]?(?:in|on)(?: (?:required|page)| to .{1,40}| with .{1,30})?\W*"
    r"|(?:.{1,30} )?(?:login|log ?in|sign[ -]?in)(?: (?:required|page|form))?\W*"
    r"|authentication required|(?:your )?session (?:has )?(?:expired|timed out)|access denied|unauthori[sz]ed"
    r"|forbidden|welcome back|single sign[ -]?on|just a moment\W*|attention required\W*"
    r"|verify(?:ing)? you are human\W*|anmelden|anmeldung|einloggen|se connecter|connexion|iniciar sesi[óo]n"
    r"|acced[ie]|inloggen|zaloguj(?: się)?|вход|войти)",
    re.IGNORECASE,
)
_USUAL_WORDS = """
    a abgelaufen about access account accounts again all already an and angemeldet anmelden anmeldung
    apple are area at authenticate authentication authorization authorized azure back be been before
    benutzername bitte bleiben browser by can can't cannot captcha checking click code company connect
    connecter connexion contact content continue contraseña cookie cookies copyright create credentials
    denied document don't e-mail email enable enter expired facebook first for forgot forgotten found
    from github gitlab go google has have help here human id identifiant if in iniciar is it javascript
    join just keep kennwort linkedin loading log logged logging login mail me microsoft moment mot moved
    must my name need new next no not object of okta olvidó on oops or organisation organization oublié
    out page passe password passwords passwort please policy portal privacy private problems protected
    redirect redirected redirecting register registration remember request requested required reserved
    reset resource rights robot saml se secure security see service services sesión session sign signed
    signing signon single sitzung slack sorry sso stay submit support terms that the this timed to
    trouble two-factor up use user username usuario vergessen verification verify view wait we weiter
    welcome with work yet you your
"""  # of logins, of errors, and of every text: a page that says more than these is one
_VOCABULARY = frozenset(_USUAL_WORDS.split())


_GRAMMAR_WORDS = """
    a an and are at be been by can can't cannot do don't for from has have if in is it me must my need no not of on
    or out see that the this to up use we with yet you your
"""  # say nothing about what a page is
_GRAMMAR = frozenset(_GRAMMAR_WORDS.split())


class WallKind(StrEnum):
    """What stands in a page's place."""

    LOGIN = "login"
    ERROR = "error"


@dataclass
class PageSigns:
    """What shows whether a page is one. Texts around the main text (menus, heads, feet) do not count."""

    titles: list[str] = field(default_factory=list)  # the parts of the title: the page's, and the site's
    heading: str = ""
    text: str = ""
    form_text: str = ""
    has_password: bool = False
    has_login_form: bool = False  # one that is sent to a login
    has_login_link: bool = False


def find_wall(signs: PageSigns) -> WallKind | None:
    """Returns what a page is, if it is none.

    >>> find_wall(PageSigns(["Sign in"], "", "Email Password Forgot your password?", has_password=True))
    <WallKind.LOGIN: 'login'>
    >>> find_wall(PageSigns(["Sign in"], "", "Open the client, press Connect, and hold your badge to it."))
    """
    words = [word.lower().replace("’", "'") for word in _WORD.findall(signs.text)]
    if len(words) > MAX_WORDS:
        return None
    is_bare = len(words) <= _MAX_BARE_WORDS
    first, *others = [*signs.titles, ""]
    if _ERROR.fullmatch(first) or (is_bare and any(map(_ERROR.fullmatch, [*others, signs.heading]))):
        return WallKind.ERROR
    return WallKind.LOGIN if _is_login(signs, words, is_bare=is_bare) else None


def _is_login(signs: PageSigns, words: list[str], *, is_bare: bool) -> bool:
    is_named = any(name and _LOGIN.fullmatch(name) for name in (*signs.titles, signs.heading))
    n_usual = sum(word in _VOCABULARY for word in words)
    telling = [word for word in words if word not in _GRAMMAR]
    share = sum(word in _VOCABULARY for word in telling) / max(len(telling), 1)
    if signs.has_password or (signs.has_login_form and is_bare):
        n_in_form = sum(word.lower() not in _VOCABULARY for word in _WORD.findall(signs.form_text))
        n_other = len(words) - n_usual - n_in_form
        n_beside = len(words) - len(_WORD.findall(signs.form_text))
        return is_named or n_other <= max(_MAX_OTHER_WORDS, (1 - _NEARLY_ALL) * n_beside)
    if signs.has_login_link and len(words) <= _MAX_REDIRECT_WORDS and share >= _HALF:
        return is_named or bool(re.search(r"\b(?:redirect\w*|moved|continue|here)\b", signs.text, re.IGNORECASE))
    return is_named and is_bare and bool(telling) and share >= _MOSTLY
