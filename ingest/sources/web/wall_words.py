"""The words that logins, errors and guards consist of. A page that says more than these is one of its own."""

import re

_GRAMMAR_WORDS = """
    a about after again ago all already also an and another any are as at be because been before but by can
    can't cannot could couldn't do does doesn't don't first following for from has have haven't here how if in
    is it it's just later longer may maybe me might more must my need next no not nothing now of off on only or
    other our out own see should since so still than that
    that's the their them then there they this to up us use was
    we were what when where which while who why will with would yet you your das dem den der die du ein eine es
    hat ich ihr ihre ihren im ist mit nicht oder sich sie sind und uns von vom wir wurde zu zum zur au ce cette
    d' de des du est et la le les n' nous ou pas par pour que sur un une vos votre vous con del e el en esta
    este il las lo los o per por su sus una di een het niet op uw van
"""  # say nothing about what a page is
_USUAL_WORDS = """
    employee identify know yourself
    abgelaufen above accept access accessing account accounts action allow allowed app application apple area
    authenticate authenticated authentication authorised authorization authorized available azure back bring
    broken browse browser button captcha changed check checking click close code come company complete confirm
    connect connection contact content continue cookie cookies copyright correct create credentials deleted
    denied desired details directory disabled document email e-mail employees enable encountered enter error
    errors exist exists expired facebook file find followed forgot forgotten found gateway get github gitlab go
    going gone google help home homepage hour human id identity incident incorrect information internal internet
    intranet isn't issue javascript join keep leave link linkedin linked loading located log logged logging
    login logon look looking looks lost mail maintenance mandatory manually microsoft minutes misspelled
    mistyped moment moved name navigate network never new object occurred okta oops open organisation
    organization outdated page pages passcode password passwords permission permissions permitted phone pin
    please policy portal powered press privacy private problem problems process proceed prohibited protected
    provide read reach recover redirect redirected redirecting reference refresh register registered
    registration reload remember removed renamed request requested required requires reserved reset resource
    restricted return rights robot run saml search secure secured security select send server service services
    session sign signed signin signing signon single site slack something sorry sso status stay submit support
    system team technical temporarily temporary terms timed token tried trouble try trying two-factor type typed
    unable unauthorised unauthorized unavailable unexpected until url user username users using valid
    verification verify verifying view visible visit wait wanted way web webpage website closed down offline
    rebuilt scheduled shortly soon updated upgrade welcome went work workspace wrong abmelden adresse allgemein
    anmeldedaten angaben angeforderte angeforderten angefragte angemeldet angezeigt anmelden anmeldung
    aufgerufen aufgetreten aufgerufene aktivieren bedauern benutzer benutzerkennung benutzername benutzernamen
    bereich bitte bleiben dienst dieser diese dieses drücken einem einloggen entfernt erforderlich erneut
    existiert fehler firmenkonto fortfahren fortzufahren ganz gefunden gelöscht gelangen geben geschützt
    geschützten gesuchte gesuchten haben herzlich hier inhalt intern interner kann keine kein kennwort kennung
    klicken können konnte konto leider loggen mehr melden mitarbeiter mitarbeiterportal möglicherweise müssen
    nur passwort passworts registrieren sehen seite sitzung startseite suche technischer tippfehler um umbenannt
    unserem vergessen verfügbar versuchen verschoben verwenden bald derzeit gerade geschlossen kürze umgebaut
    wartung wartungsarbeiten wenigen stunden vorübergehend vorhanden weiter weitere willkommen wieder wird
    zugang zugangsdaten zugreifen zugriff zurück accéder accueil bienvenue compte connecter connectez-vous
    connexion courriel demandée déplacée désolé entrer erreur espace existe identifiant identifiants introuvable
    mot n'a n'existe oublié passe plus recherchée réservé retour saisir supprimée trouvée veuillez été acceda
    acceder acceso bienvenido clave contraseña correo cuenta debe encontrada encontrado inicia iniciar inicie
    introduzca olvidó olvidado página para sesión solicitada usuario ver accedi accedere accesso benvenuto
    credenziali dimenticata inserisci nome pagina trovata utente gebruikersnaam gevonden inloggen welkom
    wachtwoord
"""
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|(?<![\w.])\d{3,}(?![\w.]\d)")
_STATUS_OR_YEAR = re.compile(r"4[01]\d|5[0-2]\d|(?:19|20)\d\d")
_GRAMMAR = frozenset(_GRAMMAR_WORDS.split())
_USUAL = frozenset(_USUAL_WORDS.split()) - _GRAMMAR


def split(text: str) -> list[str]:
    """Returns the words of a text, small, and its longer numbers but for years and an error's.

    >>> split("Error 404. Don't call 4711!")
    ['error', "don't", 'call', '4711']
    """
    words = (word.lower().replace("’", "'") for word in _WORD.findall(text))
    return [word for word in words if not _STATUS_OR_YEAR.fullmatch(word)]


def is_usual(word: str) -> bool:
    """Returns whether a word tells nothing that a login or an error would not say."""
    return word in _USUAL or word in _GRAMMAR


def share(words: list[str]) -> float:
    """Returns which share of the words that mean something are those of a wall; 1.0 without any.

    >>> share(split("Please log in to see this page")), share(split("Please call Anna to open the gate"))
    (1.0, 0.4)
    """
    telling = [word for word in words if word not in _GRAMMAR]
    return sum(word in _USUAL for word in telling) / len(telling) if telling else 1.0
