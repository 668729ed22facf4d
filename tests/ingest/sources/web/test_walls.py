"""What stands in the place of a page is told from a page about logins or errors, by what it says and asks."""

import pytest

from ingest.sources.web import markup, masking
from ingest.sources.web.site import Site

SITE = Site("https://docs.acme.example/hb/")
URL = "https://docs.acme.example/hb/sick-leave"
FORM = (
    '<form action="/session"><input name=email> Email <input type="password"> Password '
    "<button>Sign in</button></form>"
)
COOKIES = (
    "We use cookies to improve the site and to show you what you like. You can change your choice at any time. "
    "Our partners may combine this with other data. "
) * 8
LAW = "This system is for authorized use only. Users are monitored and have no expectation of privacy. " * 15
LEAVE = "Everybody has thirty days of leave in each year, and asks the desk for them. " * 5
WALLS = {
    "a welcome": (
        f"<title>Acme</title><p>Welcome to the intranet of Acme Corporation. Please enter your credentials.{FORM}"
    ),
    "a request in German": f"<title>Acme</title><p>Bitte melden Sie sich mit Ihren Zugangsdaten an.{FORM}",
    "a login below cookies": f"<title>Acme</title><div>{COOKIES}</div>{FORM}",
    "a named login below cookies": f"<title>Sign in</title><div>{COOKIES}</div><h1>Sign in</h1>{FORM}",
    "a login in the head": (
        f"<title>Acme</title><header>{FORM}</header><main>Please log in to see this page</main>"
    ),
    "an error as second heading": "<title>Acme</title><h2>Page not found</h2>",
    "an error with suggestions": (
        "<title>Acme</title><h2>Page not found</h2><p>Maybe you look for:<ul><li><a href=a>Leave "
        "rules</a><li><a href=b>Travel costs and hotels</a></ul>"
    ),
    "an error in German": "<title>Acme</title><h1>Die Seite wurde nicht gefunden</h1><p>Zur Startseite",
    "an error in German with its number": (
        "<title>Fehler 404 – Seite nicht gefunden</title><p>Die angeforderte Seite existiert nicht."
    ),
    "an error of Rails": (
        "<title>The page you were looking for doesn't exist (404)</title><h1>The page you were "
        "looking for doesn't exist.</h1><p>You may have mistyped the address or the page may "
        "have moved.</p><p>If you are the application owner check the logs for more information."
    ),
    "a page that is not available": (
        "<title>Acme</title><h2>This page isn't available</h2><p>The link you followed may be "
        "broken, or the page may have been removed."
    ),
    "an error without a name": "<title>Error</title><p>Something went wrong. Please try again later.",
    "an unexpected error": "<title>Error</title><h1>Error</h1><p>An unexpected error occurred.",
    "a denial with a reference": (
        "<title>Access Denied</title><h1>Access Denied</h1>You don't have permission to access "
        '"http://docs.acme.example/hb/leave" on this server.<p>Reference '
        "#18.2d17d917.1617189.1a2b3c<p>https://errors.edgesuite.net/18.2d17"
    ),
    "an empty shell": "<title>Acme</title><p>You need to enable JavaScript to run this app.",
    "a bare number": "<title>404</title><h1>404</h1><p>Oops! The page you are looking for does not exist.",
    "a service that is down": (
        "<title>503 Service Temporarily Unavailable</title><center><h1>503 Service Temporarily "
        "Unavailable</h1></center><hr><center>nginx</center>"
    ),
    "an error in French": "<title>Page introuvable</title><p>La page demandée n'existe pas ou a été déplacée.",
    "a login in French": (
        f"<title>Intranet</title><p>Veuillez saisir votre identifiant et votre mot de passe.{FORM}"
    ),
    "a session that has ended": "<title>Session expired</title><p>Your session has expired. Please log in again.",
    "a login above the law": f"<title>Acme</title><h1>Log in</h1>{FORM}<p>{LAW}",
    "a link to a login": (
        "<title>Acme</title><p>You must be logged in to view this page. <a href=/users/sign_in>Log in</a>"
    ),
    "a request to employees": (
        f"<title>Acme</title><h1>Acme</h1><p>Please identify yourself to get access to the employee portal.{FORM}"
    ),
    "an error of Google": (
        "<title>Error 404 (Not Found)!!1</title><p>404. That’s an error. The requested URL was not found on this "
        "server. That’s all we know."
    ),
    "a denial": (
        "<title>403 Forbidden</title><h1>Forbidden</h1><p>You don't have permission to access this resource."
    ),
}
KEPT = {
    "how to log in": (
        "<title>Log in to the VPN</title><h1>Log in to the VPN</h1><p>Open the client, enter "
        "your user name and password, and press Connect. If you forgot your password, contact "
        "the service desk."
    ),
    "a login in one sentence": "<title>VPN login</title><p>Use your company account and password to log in.",
    "a login beside a link to one": (
        "<title>VPN login</title><h1>VPN login</h1><nav><a href=/login>Log in</a></nav><p>Use "
        "your company account and password to log in."
    ),
    "a login below a form": (
        f"<title>VPN login</title><h1>VPN login</h1><header>{FORM}</header><p>Use your company "
        "account and password to log in."
    ),
    "single sign-on": (
        "<title>Single sign-on</title><p>Use single sign-on with your Google account. It works for all services."
    ),
    "how to sign in": (
        "<title>Sign in</title><p>Sign in with your company email. Enter the code from the "
        "authenticator. Press Continue to open the portal."
    ),
    "how to sign in, politely": (
        "<title>Sign in</title><h1>Sign in</h1><p>Please sign in with your email address. Then "
        "click Continue. If your account is locked, contact support."
    ),
    "a number above a login": f"<title>Contact</title><h1>Contact</h1><p>Call 4711.</p>{FORM}",
    "a number below a login": f"<title>Contact | Acme</title><div>{FORM}</div><h1>Contact</h1><p>Call 4711.",
    "a number below a head with a login": f"<title>Contact</title><header>{FORM}</header><p>Call 4711.",
    "a name below a login": f"<title>Contact</title><div>{FORM}</div><p>Mail Bob.",
    "a status": (
        "<title>Not found</title><p>The API answers with this status when an order does not "
        "exist. Create the order first, then ask again."
    ),
    "what to do about errors": (
        "<title>Error 404: what to do</title><h1>Error 404: what to do</h1><p>Check the address "
        "for a typing mistake, then tell the web team which link was broken."
    ),
    "what to do about an error": (
        "<title>Error 404</title><h1>What to do</h1><p>Check the spelling, then write to Anna "
        "with a screenshot of it."
    ),
    "how to add a redirect": (
        "<title>Page not found</title><h1>Page not found</h1><p>Readers see this when a chapter has been renamed. "
        "Add a redirect, and deploy."
    ),
    "a room": "<title>404</title><h1>404</h1><p>Seats eight. Booked by mail.",
    "another room": "<title>410</title><p>Seats eight. Booked by mail.",
    "what to do about a service": (
        "<title>Service unavailable</title><p>When the pump shows this message, turn the red "
        "valve to the left, wait ten minutes and call the porter at the gate."
    ),
    "what to do about a worker": (
        "<title>Service unavailable</title><h1>Service unavailable</h1><p>If the status page "
        "shows this, restart the worker with the deploy script, then watch the queue until it is "
        "empty again."
    ),
    "a policy beside a login": (
        f"<title>Cookie policy</title><div>{FORM}</div><p>We use cookies to remember your login. "
        "Third-party cookies are not used."
    ),
    "a setting": (
        "<title>Enable JavaScript</title><p>Open the settings of the browser, choose Security, "
        "and turn the switch on for our timesheets."
    ),
    "a denial explained": (
        "<title>Access denied</title><p>The door shows this when your badge is older than a "
        "year. Bring it to the desk."
    ),
    "what an error is": (
        "<title>Error</title><p>An error is a deviation between the measured and the true value. "
        "We record each in the book."
    ),
    "a rule about logins": (
        "<title>Login</title><p>Your account locks after five wrong passwords. Wait ten minutes, or call support."
    ),
    "how to get a password": (
        "<title>Reset your password</title><p>Click Forgot password on the login page and follow "
        "the link in the email."
    ),
    "a page within a form": f"<title>Leave</title>{FORM[:-7]}<p>{LEAVE}</form>",
}


@pytest.mark.parametrize("html", WALLS.values(), ids=WALLS)
def test_a_wall_is_told_by_what_it_asks(html: str) -> None:
    assert markup.parse(html, URL, SITE).wall


@pytest.mark.parametrize("html", KEPT.values(), ids=KEPT)
def test_a_page_is_kept_that_says_more(html: str) -> None:
    assert markup.parse(html, URL, SITE).wall is None


@pytest.mark.parametrize(
    ("path", "is_login"),
    [
        ("/users/sign_in", True),
        ("/log_in/", True),
        ("/session/new", True),
        ("/oauth2/start", True),
        ("/hb/users/sign_in", True),
        ("/hb/log_in", True),
        ("/hb/session/new", True),
        ("/hb/oauth2/start", True),
        ("/hb/Account/LogOn.aspx", True),
        ("/hb/oauth2/", False),
        ("/hb/session/", False),
        ("/hb/auth/start/here", False),
        ("/hb/blog-in-time", False),
    ],
)
def test_logins_are_told_by_their_addresses(path: str, *, is_login: bool) -> None:
    assert markup.is_login(f"https://docs.acme.example{path}", SITE) == is_login


@pytest.mark.parametrize(
    ("text", "is_repeated"),
    [
        ("Our portal is being rebuilt. Please come back later. Reference: {number}f", True),
        ("Unser Portal wird umgebaut. Vorgang #A{number}-9", True),
        ("Wir ziehen um und sind gleich zur Stelle, Stand 12:0{number}:11 Uhr", True),
        ("Please sign in to read {name}. We are sorry.", True),
        ("Access to {name} is restricted. Request ID 8f{number}", True),
        ("The {name} branch opens at {number}.", False),
        ("{name}: call 471{number}", False),
        ("{name}: mail 471{number}", False),
        ("The branch is open from 0{number}:00 to 17:30 on all days.", False),
        ("The rule about {name} is number {number}.", False),
    ],
)
def test_a_text_is_the_same_but_for_clocks_numbers_and_names(text: str, *, is_repeated: bool) -> None:
    names = ("leave", "travel", "sick leave")
    texts = {
        masking.mask(text.format(name=name, number=number), SITE.start + name.replace(" ", "-"))
        for number, name in enumerate(names, 1)
    }
    assert len(texts) == (1 if is_repeated else 3)


@pytest.mark.parametrize("part", ["x", "#", "1", ":1", "a1", "1.", "reference ", "x-", "please log in to ", "'a"])
def test_a_text_made_to_keep_the_masks_busy_is_passed_over(part: str) -> None:
    for tag in ("title", "h1", "p"):
        markup.parse(f"<{tag}>{part * 5_000}</{tag}>{FORM}", URL, SITE)
