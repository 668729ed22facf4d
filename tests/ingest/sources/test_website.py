"""A website as a source: which pages are documents, what asking again costs, what becomes of a site that fails."""

import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent import __version__
from agent.errors import UserError
from agent.types import Audience
from ingest.documents.raw import FetchProblem
from ingest.library import Library
from ingest.sources import connector
from ingest.sources.connector import ListedDocument
from ingest.sources.website import WebsiteSource
from tests.ingest.site import Page, Site

HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture
def site() -> Iterator[Site]:
    """``/hb/`` with the pages ``leave`` and ``office/``."""
    with Site() as site:
        site.show("/hb/", "Welcome.", title="Handbook", links=("leave", "/hb/office/#hours"))
        site.show("/hb/leave", "Every employee has 30 days of annual leave.", title="Leave")
        site.show("/hb/office/", "The Hamburg office is open from 7 to 20 o'clock.", title="Office")
        yield site


@pytest.fixture
def open_(site: Site, tmp_path: Path) -> Callable[..., WebsiteSource]:
    """Opens the site below a path, as another process would."""

    def opened(
        path: str = "/hb/", *, sleep: Callable[[float], None] = lambda _: None, **options: object
    ) -> WebsiteSource:
        given = {"location": f"{site.address}{path}", "allow_private": True, "delay_seconds": 0, **options}
        return WebsiteSource(connector.validate_options(given, where="test"), tmp_path / "place", sleep=sleep)  # type: ignore[arg-type]

    return opened


def paths(listed: list[ListedDocument]) -> list[str]:
    return ["/" + one.uri.split("/", 3)[3] for one in listed]


def known(listed: list[ListedDocument]) -> dict[str, str]:
    return {one.uri: one.fingerprint for one in listed}


def sitemap(*urls: str, date: str = "") -> Page:
    dated = f"<lastmod>{date}</lastmod>" if date else ""
    entries = "".join(f"<url><loc>{url}</loc>{dated}</url>" for url in urls)
    xmlns = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    return Page(f'<?xml version="1.0" encoding="UTF-8"?><urlset {xmlns}>{entries}</urlset>'.encode())


# What is a document


def test_pages_are_found_by_their_links_and_are_documents(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    website = open_()
    listed = [*website.list({})]

    assert paths(listed) == ["/hb/", "/hb/leave", "/hb/office/"]
    assert website.name == f"{site.address.removeprefix('http://')}/hb"
    assert [one.url for one in listed] == [one.uri for one in listed]
    raw = website.fetch(listed[1].uri)
    assert (raw.format, raw.title) == ("webpage", "Leave")
    assert b"30 days" in raw.content
    assert Counter(site.paths()) == {"/hb/": 1, "/hb/leave": 1, "/hb/office/": 1}  # fetching asked for nothing


def test_a_document_is_fetched_by_an_object_that_listed_nothing(
    site: Site, open_: Callable[..., WebsiteSource], tmp_path: Path
) -> None:
    uri = [*open_().list({})][1].uri
    assert b"30 days" in open_().fetch(uri).content
    assert b"30 days" in open_().fetch(uri).content  # now it has to ask
    assert site.paths().count("/hb/leave") == 2


def test_fetching_keeps_the_pace_of_the_site(
    site: Site, open_: Callable[..., WebsiteSource], tmp_path: Path
) -> None:
    """As on a machine that did not list."""
    site.pages["/robots.txt"] = Page(b"User-agent: *\nCrawl-delay: 7\n")
    waits: list[float] = []
    website = open_(sleep=waits.append)
    for path in ("/hb/leave", "/hb/office/"):
        website.fetch(f"{site.address}{path}")
    assert [round(seconds) for seconds in waits] == [0, 7, 7]
    assert site.counts()[200] == 3


def test_only_what_lies_below_the_address_is_read(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    outside = ("/hb-old/x", "/secret", "/hb/../secret", "/hb/%2e%2e/secret", "http://evil.example/hb/", "//x/hb/")
    site.show("/hb/", links=(*outside, "mailto:a@b", "javascript:x()", "http://[", "leave"))
    for path in ("/hb-old/x", "/secret"):
        site.show(path)
    assert paths([*open_().list({})]) == ["/hb/", "/hb/leave"]
    assert set(site.paths()) == {"/hb/", "/hb/leave"}


def test_an_address_without_a_slash_means_the_page_and_what_is_below(
    site: Site, open_: Callable[..., WebsiteSource]
) -> None:
    site.pages["/hb"] = Page(status=301, headers={"Location": "/hb/"})
    assert paths([*open_("/hb").list({})]) == ["/hb/", "/hb/leave", "/hb/office/"]
    site.show("/hb/start.html", links=("leave",))
    assert paths([*open_("/hb/start.html").list({})]) == ["/hb/start.html", "/hb/leave"]


def test_patterns_choose_by_path_and_what_is_excluded_is_not_even_asked_for(
    site: Site, open_: Callable[..., WebsiteSource]
) -> None:
    site.show("/hb/", links=("leave", "office/", "drafts/a"))
    site.show("/hb/office/", links=("plan",))
    site.show("/hb/office/plan")
    website = open_(include=["office/**"], exclude=["drafts/"])
    assert paths([*website.list({})]) == ["/hb/office/", "/hb/office/plan"]
    assert "/hb/drafts/a" not in site.paths()
    assert paths([*open_(exclude=["/index.html", "office"]).list({})]) == ["/hb/leave"]


def test_files_that_pages_link_to_are_documents(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    site.show("/hb/", links=("plan.pdf", "download?id=7", "notes.md", "logo.png", "data", "old.doc", "film"))
    site.pages["/hb/plan.pdf"] = Page(b"%PDF-1.4 plan", headers={"Content-Type": "application/octet-stream"})
    site.pages["/hb/download?id=7"] = Page(b"%PDF-1.4 x", headers={"Content-Type": "application/pdf"})
    site.pages["/hb/notes.md"] = Page(b"# Notes\n\nText.", headers={"Content-Type": "text/plain"})
    site.pages["/hb/data"] = Page(b"{}", headers={"Content-Type": "application/json"})
    site.pages["/hb/old.doc"] = Page(b"\xd0\xcf\x11", headers={"Content-Type": "application/msword"})
    site.pages["/hb/film"] = Page(b"film", headers={"Content-Type": "video/mp4"})
    website = open_()
    listed = [*website.list({})]

    assert paths(listed) == ["/hb/", "/hb/plan.pdf", "/hb/download?id=7", "/hb/notes.md", "/hb/old.doc"]
    assert [website.fetch(one.uri).format for one in listed[1:4]] == ["pdf", "pdf", "markdown"]
    assert "/hb/logo.png" not in site.paths()
    with pytest.raises(FetchProblem, match=r"unsupported type \(\.doc\)"):
        website.fetch(listed[4].uri)


def test_a_link_pattern_makes_the_links_people_click(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    site.show("/hb/leave", links=("pläne?jahr=2024",))
    site.show("/hb/pl%C3%A4ne?jahr=2024")
    listed = [*open_(link="https://intranet.acme.example/{path}").list({})]
    assert [one.url for one in listed] == [
        "https://intranet.acme.example/",
        "https://intranet.acme.example/leave",
        "https://intranet.acme.example/office/",
        "https://intranet.acme.example/pl%C3%A4ne?jahr=2024",
    ]
    assert len([*open_(exclude=["plän*"]).list({})]) == 3


def test_one_page_under_several_addresses_counts_once(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    variants = ("leave?utm_source=mail", "leave?print=1", "leave/", "leave#top", "LEAVE/../leave", "%6Ceave")
    site.show("/hb/", links=variants)
    site.pages["/hb/leave/"] = site.pages["/hb/leave?print=1"] = site.pages["/hb/leave"]
    assert paths([*open_().list({})]) == ["/hb/", "/hb/leave"]
    assert site.paths().count("/hb/leave") == 1


def test_the_canonical_page_counts_once(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    site.show("/hb/", links=("leave-printed", "lost", "away"))
    site.show("/hb/leave-printed", "30 days, printed", head='<link rel=canonical href="/hb/leave">')
    site.show("/hb/lost", "Text", head='<link rel=canonical href="/hb/nowhere">')
    site.show("/hb/away", "Text", head='<link rel=canonical href="https://other.example/">')
    assert paths([*open_().list({})]) == ["/hb/", "/hb/leave", "/hb/away", "/hb/lost"]


def test_what_pages_and_headers_forbid_is_obeyed(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    site.show("/hb/", links=("hub", "blind", "header", "other"))
    site.show("/hb/hub", links=("leave",), head='<meta name="robots" content="noindex">')
    site.show("/hb/blind", links=("never",), head='<meta name="ROBOTS" content="noarchive, NoFollow">')
    site.show("/hb/header", links=("never",))
    site.pages["/hb/header"].headers["X-Robots-Tag"] = "max-snippet:20, none"
    site.show("/hb/other", "for everybody but another")
    site.pages["/hb/other"].headers["X-Robots-Tag"] = "otherbot: noindex, nofollow"
    site.pages["/hb/leave"].body += b'<a rel="nofollow" href="never">'
    assert paths([*open_().list({})]) == ["/hb/", "/hb/blind", "/hb/other", "/hb/leave"]
    assert "/hb/never" not in site.paths()


def test_robots_txt_is_obeyed(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    site.pages["/robots.txt"] = Page(b"User-agent: *\nDisallow: /hb/off*\nCrawl-delay: 86400\n")
    waits: list[float] = []
    website = open_(sleep=waits.append)
    assert paths([*website.list({})]) == ["/hb/", "/hb/leave"]
    assert "/hb/office/" not in site.paths()
    assert 5 < max(waits) <= 10
    with pytest.raises(FetchProblem, match=r"robots\.txt"):
        website.fetch(f"{site.address}/hb/office/")

    site.pages["/robots.txt"] = Page(b"User-agent: docent\nDisallow: /\n")
    with pytest.raises(UserError, match=r"robots\.txt forbids it"):
        list(open_().list({}))
    site.pages["/robots.txt"] = Page(status=503)
    with pytest.raises(UserError, match="answers with status 503"):
        list(open_().list({}))


# Sitemaps


def test_the_sitemap_of_robots_txt_tells_the_pages(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    site.pages["/robots.txt"] = Page(f"Sitemap: {site.address}/maps/index.xml".encode())
    index = f"<sitemapindex><sitemap><loc>{site.address}/maps/1.xml.gz</loc></sitemap></sitemapindex>"
    site.pages["/maps/index.xml"] = Page(index.encode())
    urls = [f"{site.address}{path}" for path in ("/hb/hidden", "/hb/leave?utm_source=map", "/other/x")]
    site.pages["/maps/1.xml.gz"] = Page(
        gzip.compress(sitemap(*urls, "https://evil.example/hb/", date="2024-05-06").body)
    )
    site.show("/hb/hidden", "Nobody links here.", links=("office/", "plan.pdf"))
    site.pages["/hb/plan.pdf"] = Page(b"%PDF-", headers={"Content-Type": "application/pdf"})
    website = open_()
    listed = [*website.list({})]

    assert paths(listed) == ["/hb/hidden", "/hb/leave", "/hb/plan.pdf"]
    assert website.fetch(listed[0].uri).updated_at == datetime(2024, 5, 6, tzinfo=UTC)
    assert paths([*open_(sitemap=False).list({})]) == ["/hb/", "/hb/leave", "/hb/office/"]


def test_the_usual_places_are_looked_at_and_an_address_can_be_given(
    site: Site, open_: Callable[..., WebsiteSource]
) -> None:
    site.pages["/hb/sitemap.xml"] = sitemap(f"{site.address}/hb/")
    assert len([*open_().list({})]) == 3  # it says no more than the address
    site.pages["/hb/sitemap.xml"] = sitemap(f"{site.address}/hb/leave")
    assert paths([*open_().list({})]) == ["/hb/leave"]
    site.pages["/hb/pages.txt"] = Page(f"{site.address}/hb/office/\n".encode())
    assert paths([*open_(sitemap=f"{site.address}/hb/pages.txt").list({})]) == ["/hb/office/"]


def test_a_sitemap_that_is_none_is_passed_over_or_told(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>'
    for body in (b"<html><p>Not found", b"<urlset><url><loc>", b"", b"\x00\xff", bomb, gzip.compress(b"x")[:-3]):
        site.pages["/sitemap.xml"] = Page(body)
        assert len([*open_().list({})]) == 3
        with pytest.raises(UserError, match="has no sitemap"):
            list(open_(sitemap=True).list({}))
    with pytest.raises(UserError, match="lists no page below"):
        list(open_(sitemap=f"{site.address}/nowhere.xml").list({}))


def test_a_sitemap_that_cannot_be_read_now_is_no_empty_one(
    site: Site, open_: Callable[..., WebsiteSource]
) -> None:
    site.pages["/sitemap.xml"] = Page(status=503)
    with pytest.raises(UserError, match="Try again later, or set sitemap = false"):
        list(open_().list({}))


# Asking again


def test_an_unchanged_site_costs_answers_without_content(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    for page in site.pages.values():
        page.etag = '"1"'
    listed = [*open_().list({})]
    site.counts()
    assert [*open_().list(known(listed))] == listed
    assert site.counts()[304] == 3


def test_last_modified_serves_where_there_is_no_etag(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    moment = "Mon, 06 May 2024 10:00:00 GMT"
    site.pages["/hb/leave"].headers["Last-Modified"] = moment
    website = open_()
    listed = [*website.list({})]
    assert website.fetch(listed[1].uri).updated_at == datetime(2024, 5, 6, 10, tzinfo=UTC)
    site.headers.clear()
    list(open_().list(known(listed)))
    assert [h["If-Modified-Since"] for h in site.headers if "If-Modified-Since" in h] == [moment]


def test_what_was_never_read_in_is_asked_for_in_full(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    """As after a sync that was killed: the pages were listed, but nobody fetched them."""
    for page in site.pages.values():
        page.etag = '"1"'
    list(open_().list({}))
    website = open_()
    listed = [*website.list({})]
    site.counts()
    assert b"30 days" in website.fetch(listed[1].uri).content
    assert not site.counts()


def test_a_changed_page_has_another_fingerprint_and_a_changed_frame_has_not(
    site: Site, open_: Callable[..., WebsiteSource]
) -> None:
    before = known([*open_().list({})])
    site.show("/hb/office/", "The Hamburg office is open from 7 to 20 o'clock.", title="Office", n=99)
    site.show("/hb/leave", "Every employee has 31 days of annual leave.", title="Leave")
    after = known([*open_().list(before)])
    assert [uri for uri in before if before[uri] != after[uri]] == [f"{site.address}/hb/leave"]


def test_a_page_that_is_gone_is_listed_no_more(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    before = known([*open_().list({})])
    site.pages["/hb/leave"] = Page(status=410)
    site.pages["/hb/office/"] = Page(status=301, headers={"Location": "/elsewhere/"})
    assert paths([*open_().list(before)]) == ["/hb/"]


def test_a_moved_page_is_listed_under_its_new_address(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    listed = [*open_().list({})]
    site.pages["/hb/holidays"] = site.pages["/hb/leave"]
    site.pages["/hb/leave"] = Page(status=308, headers={"Location": "holidays"})
    site.show("/hb/office/", head='<meta http-equiv="refresh" content="0; url=/hb/premises">')
    site.show("/hb/premises", "New premises.")
    now = [*open_().list(known(listed))]
    assert paths(now) == ["/hb/", "/hb/holidays", "/hb/premises"]
    assert now[1].fingerprint == listed[1].fingerprint


def test_a_chapter_about_logins_is_no_login(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    site.show("/hb/", links=("authentication",))
    site.pages["/hb/authentication"] = Page(status=301, headers={"Location": "/hb/auth/overview"})
    site.show("/hb/auth/overview", "How people log in.")
    assert paths([*open_().list({})]) == ["/hb/", "/hb/auth/overview"]


def test_redirects_in_a_circle_end(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    site.show("/hb/", links=("a",))
    site.pages["/hb/a"] = Page(status=302, headers={"Location": "/hb/b"})
    site.pages["/hb/b"] = Page(status=302, headers={"Location": "/hb/a"})
    assert paths([*open_().list({})]) == ["/hb/"]


def test_what_is_kept_can_be_lost_or_broken(
    site: Site, open_: Callable[..., WebsiteSource], tmp_path: Path
) -> None:
    listed = [*open_().list({})]
    (tmp_path / "place" / "visits.sqlite").write_bytes(b"no database " * 1_000)
    assert [*open_().list(known(listed))] == listed


# What goes wrong


def test_a_place_where_nothing_can_be_kept_is_told(open_: Callable[..., WebsiteSource], tmp_path: Path) -> None:
    (tmp_path / "place").write_text("a file")
    with pytest.raises(UserError, match=r"Cannot write to .*place"):
        list(open_().list({}))


def test_a_page_that_fails_stays_as_it_was_and_leads_where_it_led(
    site: Site, open_: Callable[..., WebsiteSource]
) -> None:
    site.show("/hb/office/", "Office", links=("plan",))
    site.show("/hb/office/plan")
    listed = [*open_().list({})]
    site.pages["/hb/office/"] = Page(status=500)
    assert known([*open_().list(known(listed))]) == known(listed)


def test_a_page_behind_a_move_that_fails_stays(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    site.show("/hb/", links=("old",))
    site.pages["/hb/old"] = Page(status=301, headers={"Location": "/hb/leave"})
    listed = [*open_().list({})]
    site.pages["/hb/old"] = Page(status=503)
    assert [*open_().list(known(listed))] == listed


@pytest.mark.parametrize("head", ["", '<meta name=robots content="noindex">'])
def test_without_a_memory_what_lies_behind_a_page_that_fails_is_not_taken_for_removed(
    site: Site, open_: Callable[..., WebsiteSource], tmp_path: Path, head: str
) -> None:
    site.show("/hb/office/", "Office", links=("plan", "rules"), head=head)
    site.show("/hb/office/plan")
    site.show("/hb/office/rules")
    listed = [*open_().list({})]
    (tmp_path / "place").rename(tmp_path / "lost")
    site.pages["/hb/office/"] = Page(status=500)
    site.pages["/hb/office/rules"] = Page(status=404)  # but what is gone is gone
    for _ in range(3):
        now = known([*open_().list(known(listed))])
        assert f"{site.address}/hb/office/plan" in now
        assert f"{site.address}/hb/office/rules" not in now


@pytest.mark.parametrize(
    ("page", "cause", "may_pass"),
    [
        (Page(status=503), "answers with status 503", True),
        (Page(status=403), "may not be read", False),
        (Page(status=401), "may not be read", False),
        (Page(status=418), "answers with status 418", False),
        (Page(status=302, headers={"Location": "https://sso.acme.example/x"}), "asks for a login", False),
        (Page(status=302, headers={"Location": "/hb/login?next=/hb/leave"}), "asks for a login", False),
        (Page(b"<title>Page not found | Acme</title>Sorry.", headers=HTML), "is an error page", False),
        (Page(b"<p>" + b"x" * 20_000, headers=HTML), "is too large", False),
    ],
)
def test_a_page_that_cannot_be_had_is_listed_and_says_why(
    site: Site, open_: Callable[..., WebsiteSource], page: Page, cause: str, may_pass: bool
) -> None:
    site.pages["/hb/leave"] = page
    website = open_(max_bytes=10_000)
    listed = [*website.list({})]
    assert paths(listed) == ["/hb/", "/hb/leave", "/hb/office/"]
    with pytest.raises(FetchProblem, match=cause) as problem:
        website.fetch(listed[1].uri)
    assert (problem.value.may_pass, bool(problem.value.advice)) == (may_pass, True)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (Page(status=404), "There is no page at"),
        (Page(status=500), "answers with status 500"),
        (Page(status=301, headers={"Location": "https://www.acme.example/"}), "Give that address as the location"),
        (Page(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"}), "outside of it"),
        (Page(status=302, headers={"Location": "/login"}), "asks for a login"),
        (Page(status=401), "authorization_env"),
        (Page(status=302, headers={"Location": "http://["}), "outside of it"),
    ],
)
def test_a_first_page_that_cannot_be_had_is_told_in_one_line(
    site: Site, open_: Callable[..., WebsiteSource], page: Page, message: str
) -> None:
    site.pages["/hb/"] = page
    with pytest.raises(UserError, match=message) as told:
        list(open_().list({}))
    assert f"{site.address}/hb/" in str(told.value)
    assert "\n" not in str(told.value)
    assert len(site.asked) <= 5  # robots.txt, two sitemaps, and the page, no more than twice


def test_a_site_in_a_private_network_is_refused_unless_allowed(
    open_: Callable[..., WebsiteSource], site: Site
) -> None:
    with pytest.raises(UserError, match="set allow_private = true"):
        list(open_(allow_private=False).list({}))
    with pytest.raises(FetchProblem, match="allow_private"):
        open_(allow_private=False).fetch(f"{site.address}/hb/leave")
    assert site.asked == []


def test_a_site_that_goes_down_in_the_middle_raises(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    site.show("/hb/", links=tuple(f"p{i}" for i in range(30)))
    for i in range(30):
        site.show(f"/hb/p{i}", f"Page {i}")
    listed = [*open_().list({})]
    for i in range(10, 30):
        site.pages[f"/hb/p{i}"] = Page(status=503)
    with pytest.raises(UserError, match="5 pages in a row"):
        list(open_().list(known(listed)))
    for i in range(10, 30):
        site.pages[f"/hb/p{i}"] = Page(status=403)  # as a guard against robots answers
    with pytest.raises(UserError, match="5 pages in a row"):
        list(open_().list({}))


def test_a_site_that_says_the_same_everywhere_raises(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    site.show("/hb/", links=tuple(f"p{i}" for i in range(30)))
    site.otherwise = lambda path: Page(b"<title>Acme</title><p>We are back soon.", headers=HTML)
    site.pages["/robots.txt"] = site.pages["/sitemap.xml"] = site.pages["/hb/sitemap.xml"] = Page(status=404)
    with pytest.raises(UserError, match="shows the same at 10 addresses in a row"):
        list(open_().list({}))


def test_an_endless_site_ends_and_says_so(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    def page(path: str) -> Page:
        n = len(path)
        return Page(f"<p>{path}<a href='{path}x'>on</a><a href='?day={n}'>day</a>".encode(), headers=HTML)

    site.otherwise = page
    site.pages["/robots.txt"] = site.pages["/sitemap.xml"] = site.pages["/hb/sitemap.xml"] = Page(status=404)
    site.pages.pop("/hb/")
    website = open_(max_pages=20)
    listed = [*website.list({})]
    assert len(listed) == 21
    assert len(site.paths()) == 20
    with pytest.raises(FetchProblem, match="more than 20 pages") as problem:
        website.fetch(listed[-1].uri)
    assert "max_pages" in problem.value.advice


def test_a_calendar_is_not_followed_for_ever(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    site.show("/hb/", links=("cal?day=0", "leave"))

    def day(path: str) -> Page:
        n = int(path.rpartition("=")[2]) if "=" in path else -1
        if n < 0:
            return Page(status=404)
        return Page(f"<p>Day {n}<a href='cal?day={n + 1}'>next</a>".encode(), headers=HTML)

    site.otherwise = day
    assert len([*open_().list({})]) == 52


def test_a_key_is_read_from_the_environment_and_goes_nowhere_else(
    site: Site, open_: Callable[..., WebsiteSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="HANDBOOK_KEY is not set"):
        list(open_(authorization_env="HANDBOOK_KEY").list({}))
    monkeypatch.setenv("HANDBOOK_KEY", "Bearer secret")
    site.show("/hb/", links=("leave", "/other"))
    list(open_(authorization_env="HANDBOOK_KEY").list({}))
    assert {headers["Authorization"] for headers in site.headers} == {"Bearer secret"}
    assert not any("Cookie" in headers for headers in site.headers)
    assert {headers["User-Agent"] for headers in site.headers} == {f"Docent/{__version__}"}


def test_what_is_not_of_the_site_is_not_fetched(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    for uri in (
        f"{site.address}/other",
        "http://evil.example/hb/",
        f"{site.address}/hb/../x",
        "file:///etc/passwd",
    ):
        with pytest.raises(FetchProblem, match="is not below"):
            open_().fetch(uri)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"location": "https://joe:secret@acme.example/"}, "without a name or a password"),
        ({"location": "https://"}, "https://docs.example.com/handbook/"),
        ({"location": "https://acme.example:99999/"}, "https://docs.example.com/handbook/"),
        ({"location": "https://acme.example/", "sitemap": "yes please"}, "the address of a sitemap"),
        ({"location": "https://acme.example/", "max_pages": 0}, "max_pages"),
        ({"location": "https://acme.example/", "respect_robots": False}, "no option 'respect_robots'"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        connector.validate_options({"type": "website", **options}, where="test")


# What pages are made of


def test_broken_pages_are_read_as_browsers_read_them(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    site.pages["/hb/"] = Page(b"<p><a href=leave>a<a HREF='office/'>b</p></main><b><table>", headers=HTML)
    assert paths([*open_().list({})]) == ["/hb/", "/hb/leave", "/hb/office/"]


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("text/html; charset=windows-1251", "cp1251"),
        ('text/html; charset="KOI8-R"', "koi8-r"),
        ("text/html", "cp1251"),
        ("text/html; charset=utf-8", "utf-8"),
        ("text/html; charset=nonsense", "utf-8"),
        ("text/html; charset=idna", "utf-8"),
        ("text/html; charset=utf-16", "utf-16"),
    ],
)
def test_pages_in_other_encodings_are_read(
    site: Site, library: Library, open_: Callable[..., WebsiteSource], content_type: str, encoding: str
) -> None:
    text = "Ежегодный отпуск составляет тридцать календарных дней для каждого сотрудника компании."
    head = "<meta charset=windows-1251>" if "charset" not in content_type else ""
    html = f"<html><head>{head}<title>Отпуск</title></head><body><main><p>{text}</p></main></body></html>"
    site.pages["/hb/"] = Page(html.encode(encoding), headers={"Content-Type": content_type})
    library.sync(open_())
    assert text in library.search("отпуск", audience=Audience()).passages[0].text


def test_dates_come_from_the_page_before_its_headers(site: Site, open_: Callable[..., WebsiteSource]) -> None:
    heads = {
        "a": '<meta property="article:modified_time" content="2024-01-02T03:04:05Z">',
        "b": '<script type="application/ld+json">{"dateModified": "2024-02-03"}</script>',
        "c": '<meta property="article:modified_time" content="2999-01-01">',
        "d": "",
    }
    site.show("/hb/", links=tuple(heads))
    for path, head in heads.items():
        site.show(f"/hb/{path}", head=head)
        site.pages[f"/hb/{path}"].headers["Last-Modified"] = "Mon, 06 May 2024 10:00:00 GMT"
    website = open_()
    dates = [website.fetch(one.uri).updated_at for one in website.list({})]
    assert [date and date.date().isoformat() for date in dates] == [
        *(None, "2024-01-02", "2024-02-03", "2024-05-06", "2024-05-06")
    ]


# From the site to the answer


def test_a_site_is_read_in_found_and_kept_in_step(
    library: Library, site: Site, open_: Callable[..., WebsiteSource]
) -> None:
    for page in site.pages.values():
        page.etag = '"1"'
    report = library.sync(open_())
    assert (report.n_added, report.problems) == (3, ())
    best = library.search("How many days of annual leave are there?", audience=Audience()).passages[0]
    assert ("30 days" in best.text, best.title, best.url) == (True, "Leave", f"{site.address}/hb/leave")
    assert "MENU" not in best.text

    site.counts()
    again = library.sync(open_())
    assert (again.n_unchanged, again.n_added, again.n_changed) == (3, 0, 0)
    assert site.counts() == {304: 3, 404: 3}

    site.show("/hb/leave", "Every employee has 31 days of annual leave.", title="Leave", etag='"2"')
    site.show("/hb/", "Welcome.", title="Handbook", links=("leave",), etag='"2"')
    changed = library.sync(open_())
    assert (changed.n_changed, changed.n_removed) == (2, 1)
    assert "31 days" in library.search("annual leave", audience=Audience()).passages[0].text


def test_a_site_that_fails_leaves_its_documents_searchable(
    library: Library, site: Site, open_: Callable[..., WebsiteSource]
) -> None:
    library.sync(open_())
    site.otherwise = lambda path: Page(status=502)
    site.pages.clear()
    with pytest.raises(UserError, match="status 502"):
        library.sync(open_())
    assert "30 days" in library.search("annual leave", audience=Audience()).passages[0].text
