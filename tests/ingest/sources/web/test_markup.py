"""What a page says of itself, its addresses in one spelling, and pages made to keep a reader busy."""

import pytest

from ingest.sources.web import markup, sitemap
from ingest.sources.web.markup import Markup
from ingest.sources.web.site import Site, normalise
from ingest.sources.web.walls import WallKind

SITE = Site("https://docs.acme.example/hb/")


def read(html: str) -> Markup:
    return markup.parse(html, "https://docs.acme.example/hb/page", SITE)


def links(html: str) -> list[str]:
    return [link.removeprefix(SITE.prefix) for link in read(html).links]


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("a b/ü", "a%20b/%C3%BC"),
        ("%7Ejoe/%41%2f", "~joe/A%2F"),
        ("./x/../y", "y"),
        ("x#part", "x"),
        ("x?", "x"),
        ("x?utm_source=a&id=7&GCLID=b&utm=1", "x?id=7&utm=1"),
        ("x;jsessionid=A1?b=2", "x?b=2"),
        ("http://docs.acme.example/hb/x", "x"),
        ("HTTPS://DOCS.acme.example:443/hb/x", "x"),
        (" \n x ", "x"),
        ("?q=/", "?q=/"),
        ("../secret", None),
        ("%2e%2e/secret", None),
        ("//docs.acme.example.evil/hb/x", None),
        ("https://docs.acme.example@evil/hb/x", None),
        ("https://docs.acme.example:8443/hb/x", None),
        ("ftp://docs.acme.example/hb/x", None),
        ("https://docs.acme.example:x/hb/", None),
        ("http://[", None),
        ("http://xn--/", None),
        ("https://docs.acme.example:99999/hb/", None),
        ("x" * 3_000, None),
    ],
)
def test_an_address_has_one_spelling_and_is_within_the_site(address: str, found: str | None) -> None:
    url = SITE.url(address, SITE.prefix)
    assert url == (f"{SITE.prefix}{found}" if found is not None else None)
    assert url is None or normalise(url) == url


@pytest.mark.parametrize(
    ("location", "prefix", "path"),
    [
        ("https://a.example", "https://a.example/", "index.html"),
        ("https://a.example/hb", "https://a.example/hb/", "index.html"),
        ("https://a.example/v1.2", "https://a.example/v1.2/", "index.html"),
        ("https://a.example/hb/start.html", "https://a.example/hb/", "start.html"),
        ("https://a.example/hb/?lang=de", "https://a.example/hb/", "?lang=de"),
        ("https://München.example/ä", "https://xn--mnchen-3ya.example/%C3%A4/", "index.html"),
    ],
)
def test_a_site_is_what_lies_below_its_address(location: str, prefix: str, path: str) -> None:
    site = Site(location)
    assert (site.prefix, site.path(site.start)) == (prefix, path)
    assert site.contains(site.start)


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<a href=x><A HREF='y'><a class=b\nhref = \"z\" id=c>", ["x", "y", "z"]),
        ("<a href='a?b=1&amp;c=2'>", ["a?b=1&c=2"]),
        ("<area href=x><iframe src=y></iframe><frame src=z>", ["x", "y", "z"]),
        ("<a href=x rel='noopener NOFOLLOW'><a name=y><a href>", []),
        ("<!-- <a href=x> --><script>'<a href=y>'</script><a href=z>", ["z"]),
        ("<textarea><a href=x></textarea><a href=y", []),
        ("<p title='<a href=x>'><a title=\">\" href=y>", ["y"]),
        ("<base href=sub/><a href=x>", ["sub/x"]),
        ("<base href='http://[bad'><a href=x>", ["x"]),
        ("<a href=x><a href=x><a href=x#y>", ["x"]),
    ],
)
def test_links_are_found_as_a_browser_finds_them(html: str, found: list[str]) -> None:
    assert links(html) == found


@pytest.mark.parametrize(
    ("values", "orders"),
    [
        (["noindex, nofollow"], {"noindex", "nofollow"}),
        (["NOINDEX", "noarchive"], {"noindex", "noarchive"}),
        (["none"], {"none", "noindex", "nofollow"}),
        (["otherbot: noindex, nofollow"], set()),
        (["docent: noindex", "otherbot: nofollow"], {"noindex"}),
        (["max-snippet: 20, noindex"], {"max-snippet: 20", "noindex"}),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST"], {"unavailable_after: 25 jun 2010 15:00:00 pst"}),
    ],
)
def test_orders_to_crawlers_are_understood(values: list[str], orders: set[str]) -> None:
    assert markup.robots_directives(values) == orders


def test_a_main_text_is_told_from_what_stands_around_it() -> None:
    page = "<title>T</title><nav>{0}</nav><header>{0}</header>{1}<aside>{0}</aside><footer>{0}</footer>"
    page += "<script>{0}</script><!-- {0} --><p data-token='{0}'>"
    digests = {read(page.format(around, text)).digest for around in "abc" for text in ("One.", "Two.")}
    assert len(digests) == 2
    assert read("<div>Menu 1</div><main>x</main>").digest == read("<div>Menu 2</div><main>x</main>").digest
    assert (
        read("<article><header><h1>A</h1></header>x").digest
        != read("<article><header><h1>B</h1></header>x").digest
    )
    assert read("<title>A</title><p>x").digest != read("<title>B</title><p>x").digest
    assert read("<title>A</title><nav>x</nav>").digest == ""


@pytest.mark.parametrize(
    ("title", "is_error"),
    [
        ("404 Not Found", True),
        ("Page not found | Acme", True),
        ("Error: the page could not be found", True),
        ("503 Service Unavailable", True),
        ("What to do when a page is not found", False),
        ("Files not found in the archive", False),
        ("Room 404", False),
        ("404 Main Street", False),
        ("Error 404 (Not Found)", True),
        ("404 - Page does not exist", True),
    ],
)
def test_pages_of_error_are_told_by_their_titles(title: str, is_error: bool) -> None:
    assert read(f"<title>{title}</title><p>x").wall == (WallKind.ERROR if is_error else None)


N = 300_000


@pytest.mark.parametrize(
    "html",
    [
        "<p " + " ".join(f"a{i}=1" for i in range(N)) + ">",
        "<div>" * N,
        "<nav>" * N,
        "<a href=x>" * N,
        "<a href=" * N,
        "<a href='" * N,
        '<a "' * N,
        "<" * N,
        "<!--" * N,
        "<script></" * N,
        "<meta http-equiv=refresh content='" + " " * N + "'>",
        "<script>" + '"dateModified" : ' * N,
        "<title>" + "404 " * N,
        "<b><p>x" * N,
        "&amp" * N,
    ],
    ids=range(15),
)
def test_a_page_made_to_keep_a_parser_busy_is_passed_over(html: str) -> None:
    """A parser takes minutes for some of them, and nothing could stop it in this process."""
    assert len(read(html).links) <= 1


@pytest.mark.parametrize("xml", ["<a>", "<a/>", "<loc>", "<loc ", "<url><loc>&b;</loc></url>", "<loc><![CDATA["])
def test_a_sitemap_made_to_fill_memory_lists_nothing(xml: str) -> None:
    assert [*sitemap.parse(("<!DOCTYPE x [<!ENTITY b 'x'>]><urlset>" + xml * N).encode())] == []


@pytest.mark.parametrize(
    ("content", "urls"),
    [
        ("<urlset xmlns='x'><url>\n<loc> https://a/?x=1&amp;y=2 </loc></url></urlset>", ["https://a/?x=1&y=2"]),
        ("<url><loc><![CDATA[https://a/x]]></loc></url>", ["https://a/x"]),
        ("<s:url><s:loc>https://a/x</s:loc></s:url>", ["https://a/x"]),
        ("<url><loc>https://a/x</loc><image:loc>https://a/i.png</image:loc></url>", ["https://a/x"]),
        ("<url><loc>https://a/x</loc></url><url><loc>https://a/y", ["https://a/x"]),
        ("https://a/x\nhttps://a/y\n", ["https://a/x", "https://a/y"]),
        ("<url><loc>/relative</loc></url>", []),
    ],
)
def test_sitemaps_are_read_as_they_are_written(content: str, urls: list[str]) -> None:
    assert [entry.url for entry in sitemap.parse(content.encode())] == urls
    assert [entry.url for entry in sitemap.parse(content.encode("utf-16"))] == urls
