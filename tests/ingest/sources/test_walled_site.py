"""A site that shows a login or an error in the place of pages: they are listed, and replace nothing unasked."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from agent.errors import UserError
from agent.types import Audience
from ingest.access.declaration import Declaration
from ingest.access.reader_sets import one_of
from ingest.library import Library
from ingest.sources import connector
from ingest.sources.web import crawl
from ingest.sources.website import WebsiteSource
from ingest.sync.diff import SuspiciousListing
from tests.ingest.site import Page, Site

HTML = {"Content-Type": "text/html; charset=utf-8"}
NAMES = ("leave", "travel", "gate", "desk", "keys", "cars", "post", "food")
TOPICS = dict(zip(NAMES, (f"The rule about {name} is number {n}." for n, name in enumerate(NAMES)), strict=True))
FORM = (
    '<form action="/session"><input name=email> Email <input type="password"> Password '
    "<button>Sign in</button></form>"
)
LOGIN = f"<title>Sign in | Acme</title><h1>Sign in</h1>{FORM}<p>Forgot your password?"
WALLS = {  # what a site shows in the place of a page, with status 200
    "a login": LOGIN,
    "a login under the company's name": f"<title>Acme portal</title><h2>Acme</h2>{FORM}",
    "a login elsewhere": "<title>Sign in</title><p>Sign in with Google or continue with your company account",
    "a form that sends itself": (
        "<title>Working…</title><form method=post action='https://sso.acme.example/saml2'>"
        "<input type=hidden name=SAMLRequest value=x><noscript>Continue</noscript></form><p>Please wait, continue"
    ),
    "a refresh to a login": "<meta http-equiv=refresh content='0; url=https://login.acme.example/x'><p>One moment",
    "a refresh to the site's login": "<meta http-equiv=refresh content='0;URL=/hb/login?next=1'>Redirecting",
    "a refresh to sign in": "<meta http-equiv=refresh content='0;URL=/hb/users/sign_in'><p>One moment",
    "a link to a login": "<title>Object moved</title><h2>Object moved to <a href='/login?next=x'>here</a>.</h2>",
    "a guard": "<title>Just a moment...</title><p>Checking your browser. Please enable JavaScript and cookies",
    "an error": "<title>Acme</title><h1>Page not found</h1><p>The page that you requested is not here.",
    "an error below the name": "<title>Acme</title><h1>Acme</h1><h2>The page you asked for doesn't exist.</h2>",
    "an error after the name": "<title>Acme | Page not found</title><p>Go back",
}
NOTICE = "<title>Acme</title><p>Unser Portal wird gerade umgebaut, in wenigen Stunden sind wir zur Stelle."
KEPT = {  # pages of their own
    "about signing in": "<title>Sign in</title><p>Open the client, press Connect, and hold the badge to it.",
    "how to sign in": "<title>How to sign in | Acme</title><p>Enter your email and password, then press sign in.",
    "about a login": "<title>VPN login</title><p>Use your badge number and the code that the porter hands out.",
    "a login in the head": f"<title>Gate</title><header>{FORM}</header><main><p>The gate opens at six.</main>",
    "a login beside the text": f"<title>Gate</title><div>{FORM}</div><p>The gate opens at six, the yard at seven.",
    "a number beside a login": f"<title>Contact</title><h1>Contact</h1><p>Call 4711.</p>{FORM}",
    "about a status": "<title>Not found</title><p>The order does not exist. Create it first, then ask again.",
    "about errors": f"<title>404</title><p>{'A visitor sees this number when a link is broken. ' * 20}",
    "a page that ends its session": "<meta http-equiv=refresh content='900; url=/hb/login'><p>The gate opens.",
}


@pytest.fixture
def site() -> Iterator[Site]:
    """``/hb/`` with eight pages."""
    with Site() as site:
        site.show("/hb/", "Welcome to the handbook.", title="Handbook", links=NAMES)
        for name, text in TOPICS.items():
            site.show(f"/hb/{name}", text, title=name)
        yield site


@pytest.fixture
def open_(site: Site, tmp_path: Path) -> Callable[[], WebsiteSource]:
    def opened() -> WebsiteSource:
        options = {"location": f"{site.address}/hb/", "allow_private": True, "delay_seconds": 0}
        return WebsiteSource(connector.validate_options(options, where="test"), tmp_path / "place")  # type: ignore[arg-type]

    return opened


def page(html: str) -> Page:
    return Page(html.encode(), headers=HTML)


def listed(library: Library, source: WebsiteSource, *, is_forced: bool = False) -> dict[str, str]:
    return {one.uri.rpartition("/")[2]: one.cause for one in library.sync(source, is_forced=is_forced).problems}


def finds(library: Library, name: str) -> bool:
    passages = library.search(f"the rule about {name}", audience=Audience()).passages
    return any(TOPICS[name] in passage.text for passage in passages)


@pytest.mark.parametrize("html", WALLS.values(), ids=WALLS)
def test_what_stands_in_the_place_of_a_page_is_listed(
    site: Site, open_: Callable[[], WebsiteSource], html: str
) -> None:
    site.pages["/hb/leave"] = page(html)
    fingerprints = {one.uri.rpartition("/")[2]: one.fingerprint for one in open_().list({})}
    assert [name for name, found in fingerprints.items() if found.startswith("problem: ")] == ["leave"]


@pytest.mark.parametrize("html", KEPT.values(), ids=KEPT)
def test_a_page_about_logins_or_errors_or_with_a_small_login_is_kept(
    site: Site, open_: Callable[[], WebsiteSource], html: str
) -> None:
    site.pages["/hb/leave"] = page(html)
    fingerprints = {one.uri.rpartition("/")[2]: one.fingerprint for one in open_().list({})}
    assert sorted(fingerprints) == sorted(["", *NAMES])
    assert not [found for found in fingerprints.values() if found.startswith(("problem: ", "repeated: "))]


def test_one_body_at_many_addresses_is_listed_and_two_alike_pages_are_kept(
    library: Library, site: Site, open_: Callable[[], WebsiteSource]
) -> None:
    for name in NAMES[:4]:
        site.pages[f"/hb/{name}"] = page(NOTICE)
    for name in NAMES[4:6]:
        site.show(f"/hb/{name}", TOPICS["keys"], title="Keys")
    assert listed(library, open_()) == dict.fromkeys(NAMES[:4], "shows the same as other addresses")
    assert [name for name in NAMES if finds(library, name)] == ["keys", "post", "food"]
    assert not any("Portal" in p.text for p in library.search("Portal", audience=Audience()).passages)


def test_one_body_with_other_numbers_and_names_is_listed_and_pages_that_differ_in_them_are_kept(
    library: Library, site: Site, open_: Callable[[], WebsiteSource]
) -> None:
    for number, name in enumerate(NAMES[:4]):
        site.pages[f"/hb/{name}"] = page(f"<title>Acme</title><p>You may not read {name}. Request ID: 8f{number}")
    for name in NAMES[4:]:
        site.pages[f"/hb/{name}"] = page(f"<title>Acme</title><p>{TOPICS[name]}")
    assert listed(library, open_()) == dict.fromkeys(NAMES[:4], "shows the same as other addresses")
    assert [name for name in NAMES if finds(library, name)] == [*NAMES[4:]]


def test_the_versions_of_one_page_and_the_copies_of_a_long_one_are_kept(
    site: Site, open_: Callable[[], WebsiteSource]
) -> None:
    versions = ("v1/start", "v2/start", "v3/start")
    site.show("/hb/", "Welcome.", links=(*versions, *NAMES[:3]))
    for path in versions:
        site.show(f"/hb/{path}", "Press the green button.", title="Start")
    for name in NAMES[:3]:
        site.show(f"/hb/{name}", "A long rule that everybody reads again and again. " * 30, title="Rule")
    repeated = [
        one.uri.rpartition("/hb/")[2] for one in open_().list({}) if one.fingerprint.startswith("repeated")
    ]
    assert repeated == [*NAMES[1:3]]


@pytest.mark.parametrize(
    "answer",
    [page(NOTICE), Page(status=302, headers={"Location": "/hb/anmelden"})],
    ids=["a notice", "a redirect to one page"],
)
@pytest.mark.parametrize("is_first_left", [True, False])
def test_one_content_for_all_pages_changes_nothing_until_it_is_forced(
    library: Library, site: Site, open_: Callable[[], WebsiteSource], answer: Page, *, is_first_left: bool
) -> None:
    site.show("/hb/anmelden", "Bitte mit dem Ausweis am Schalter melden, dort hilft man gern weiter.")
    assert listed(library, open_()) == {}
    for path in [f"/hb/{name}" for name in NAMES] + ([] if is_first_left else ["/hb/"]):
        site.pages[path] = answer
    with pytest.raises(SuspiciousListing, match="nothing was changed") as told:
        library.sync(open_())
    assert "--force" in str(told.value)
    assert all(finds(library, name) for name in NAMES)
    problems = listed(library, open_(), is_forced=True)
    assert not any(finds(library, name) for name in NAMES)
    assert problems or not is_first_left


REFUSALS = {
    "a login": page(LOGIN),
    "a redirect to a login": Page(status=302, headers={"Location": "https://sso.acme.example/x"}),
    "unauthorised": Page(status=401),
    "forbidden": Page(status=403),
}


def close(site: Site, answer: Page, names: Iterable[str]) -> dict[str, Page]:
    """Answers so in the place of these pages; returns them as they were."""
    paths = [f"/hb/{name}" for name in names]
    pages = {path: site.pages[path] for path in paths}
    site.pages |= dict.fromkeys(paths, answer)
    return pages


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("n_closed", [1, pytest.param(6, marks=pytest.mark.soak), len(NAMES)])
def test_pages_that_ask_for_a_login_are_hidden_until_they_can_be_read_again(
    library: Library, site: Site, open_: Callable[[], WebsiteSource], answer: Page, n_closed: int
) -> None:
    assert listed(library, open_()) == {}
    opened = close(site, answer, NAMES[:n_closed])
    report = library.sync(open_())
    assert (report.n_narrowed, report.n_removed, report.n_unread) == (n_closed, 0, n_closed)
    assert {one.uri.rpartition("/")[2] for one in report.problems} == {*NAMES[:n_closed]}
    assert all(one.cause.endswith("so it is hidden") and one.advice for one in report.problems)
    assert [name for name in NAMES if finds(library, name)] == [*NAMES[n_closed:]]
    assert library.sync(open_()).n_narrowed == 0

    site.pages |= opened
    report = library.sync(open_())
    assert (report.n_widened, report.n_changed, report.n_chunks, report.problems) == (n_closed, 0, 0, ())
    assert all(finds(library, name) for name in NAMES)


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
def test_a_site_that_refuses_everything_is_hidden_and_says_so(
    library: Library, site: Site, open_: Callable[[], WebsiteSource], answer: Page
) -> None:
    assert listed(library, open_()) == {}
    opened = close(site, answer, ["", *NAMES])
    if answer.status in {401, 403}:
        with pytest.raises(
            UserError, match=r"hidden from everybody until a sync can read it again.*docent forget"
        ):
            library.sync(open_())
    else:
        assert library.sync(open_()).n_narrowed == len(NAMES) + 1
    assert not any(finds(library, name) for name in NAMES)
    assert library.count_documents() == {open_().name: len(NAMES) + 1}

    site.pages |= opened
    report = library.sync(open_())
    assert (report.n_widened, report.n_chunks, report.problems) == (len(NAMES) + 1, 0, ())
    assert all(finds(library, name) for name in NAMES)


def test_a_section_that_closes_is_hidden_with_the_pages_that_only_it_links_to(
    library: Library, site: Site, open_: Callable[[], WebsiteSource]
) -> None:
    site.show("/hb/leave/", TOPICS["leave"], links=NAMES[1:])
    site.show("/hb/", "Welcome.", links=("leave/",))
    for name in NAMES[1:]:
        site.show(f"/hb/leave/{name}", TOPICS[name])
    assert listed(library, open_()) == {}
    close(site, Page(status=403), ["leave/", *(f"leave/{name}" for name in NAMES[1:])])
    report = library.sync(open_())
    assert (report.n_narrowed, report.n_removed) == (len(NAMES), 0)
    assert not any(finds(library, name) for name in NAMES)


def test_a_guard_that_refuses_for_long_is_left_alone_and_the_rest_is_hidden(
    library: Library, site: Site, open_: Callable[[], WebsiteSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert listed(library, open_()) == {}
    monkeypatch.setattr(crawl, "MAX_REFUSALS", 3)
    close(site, Page(status=403), NAMES)
    n_asked = len(site.asked)
    with pytest.raises(UserError, match=r"3 pages in a row.*hidden from everybody"):
        library.sync(open_())
    assert len(site.asked) - n_asked < len(NAMES)
    assert not any(finds(library, name) for name in NAMES)


def test_a_page_that_names_its_readers_is_hidden_all_the_same(
    library: Library, site: Site, open_: Callable[[], WebsiteSource]
) -> None:
    """Front matter may let in others than are declared, not others than the site does."""
    matter = f"---\nreaders: [everyone, guests]\n---\n# Leave\n\n{TOPICS['leave']}"
    site.pages["/hb/leave"] = Page(matter.encode(), headers={"Content-Type": "text/markdown"})
    declaration = Declaration(Declaration.of(one_of({"channel:C1"})).rules, front_matter_may_widen=True)
    library.sync(open_(), declaration=declaration)
    assert [name for name in NAMES if finds(library, name)] == ["leave"]
    close(site, Page(status=401), ["leave"])
    library.sync(open_(), declaration=declaration)
    assert not any(finds(library, name) for name in NAMES)


@pytest.mark.parametrize("is_whole_site", [True, False])
def test_a_hidden_page_stays_hidden_while_it_cannot_be_looked_at(
    library: Library, site: Site, open_: Callable[[], WebsiteSource], *, is_whole_site: bool
) -> None:
    assert listed(library, open_()) == {}
    opened = close(site, Page(status=403), ["", *NAMES] if is_whole_site else ["leave"])
    try:
        library.sync(open_())
    except UserError:
        assert is_whole_site
    site.pages |= opened
    site.pages["/hb/leave"] = Page(status=503)
    library.sync(open_())
    assert not finds(library, "leave")
    assert finds(library, "travel")
    site.pages |= opened
    library.sync(open_())
    assert all(finds(library, name) for name in NAMES)
