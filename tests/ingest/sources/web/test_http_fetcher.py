"""Requests to strangers: which addresses are reached, and how long and how much is read."""

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ingest.documents.raw import FetchProblem
from ingest.sources.web import public_network
from ingest.sources.web.http_fetcher import MAX_REDIRECTS, HttpFetcher, HttpResponse
from tests.ingest.site import Page, Site


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def get(address: str, *, most: int = 100_000, **options: object) -> HttpResponse:
    given = {"allow_private": True, "delay_seconds": 0, "sleep": lambda _: None, "timeout_seconds": 5, **options}
    with HttpFetcher(**given) as outside:  # type: ignore[arg-type]
        return outside.get(address, limit=lambda status, headers: most)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    ],
)
def test_private_addresses_are_told_from_public_ones(address: str) -> None:
    assert not public_network.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert public_network.is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0"])
def test_a_private_address_is_refused_however_it_is_written(site: Site, host: str) -> None:
    with pytest.raises(FetchProblem, match="in a private network") as refused:
        get(f"http://{host}:{site.port}/", allow_private=False)
    assert "allow_private" in refused.value.advice
    assert not refused.value.may_pass
    assert site.asked == []


def test_a_name_is_refused_when_one_of_its_addresses_is_private(site: Site) -> None:
    for addresses in (["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:169.254.169.254"]):
        with pytest.raises(FetchProblem, match=r"in a private network \(docs\.acme\.example\)"):
            get("http://docs.acme.example/", allow_private=False, resolve=lambda *_, a=addresses: a)


def test_the_address_that_was_checked_is_the_one_connected_to(site: Site) -> None:
    """A name server may say something else a moment later: it is not asked again."""
    site.pages["/"] = Page(b"hello")
    asked: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    answer = get(f"http://docs.acme.example:{site.port}/", resolve=resolve)
    assert answer.body == b"hello"
    assert asked == [("docs.acme.example", site.port)]
    assert site.headers[0]["Host"] == f"docs.acme.example:{site.port}"


def test_the_next_address_of_a_host_is_tried(site: Site) -> None:
    site.pages["/"] = Page(b"hello")
    url = f"http://docs.acme.example:{site.port}/"
    assert get(url, resolve=lambda *_: ["127.0.0.2", "127.0.0.1"]).body == b"hello"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"\0" * 30_000_000)),
        ("deflate", zlib.compress(b"\0" * 30_000_000)),
    ],
)
def test_a_bomb_is_read_no_further_than_the_limit(site: Site, encoding: str, body: bytes) -> None:
    site.pages["/"] = Page(body, headers={"Content-Encoding": encoding})
    answer = get(site.address, most=50_000)
    assert (len(answer.body), answer.is_too_large) == (50_000, True)


def test_bombs_within_bombs_are_not_opened(site: Site) -> None:
    body = gzip.compress(gzip.compress(b"\0" * 1_000_000))
    site.pages["/"] = Page(body, headers={"Content-Encoding": "gzip, gzip"})
    with pytest.raises(FetchProblem, match="compressed in a way that was not asked for"):
        get(site.address)


def test_what_is_packed_is_unpacked_and_what_is_broken_is_told(site: Site) -> None:
    site.pages["/"] = Page(gzip.compress(b"hello" * 50_000), headers={"Content-Encoding": "gzip"})
    assert get(site.address, most=1_000_000).body == b"hello" * 50_000
    for body, cause in (
        (b"hello", "sent broken data"),
        (gzip.compress(b"hello" * 9)[:-9], "broke off its answer"),
    ):
        site.pages["/"] = Page(body, headers={"Content-Encoding": "gzip"})
        with pytest.raises(FetchProblem, match=cause):
            get(site.address)
    site.pages["/"] = Page(b"", headers={"Content-Encoding": "gzip"})
    assert get(site.address).body == b""


def endless() -> Iterator[bytes]:
    while True:
        yield b"more and more " * 1_000


def test_an_endless_body_ends_at_the_limit(site: Site) -> None:
    site.pages["/"] = Page(pieces=endless)
    answer = get(site.address, most=200_000)
    assert (len(answer.body), answer.is_too_large) == (200_000, True)


def test_a_body_that_drips_ends_with_its_time(site: Site) -> None:
    site.pages["/"] = Page(pieces=endless, pause=0.05)
    with pytest.raises(FetchProblem, match=r"did not answer within 0\.5 seconds") as late:
        get(site.address, most=10**9, timeout_seconds=0.5)
    assert late.value.may_pass


def test_headers_that_drip_end_with_their_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def drip() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n")
                    while not done.wait(0.05):
                        try:
                            connection.sendall(b"x-more: 1\r\n")
                        except OSError:
                            break

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(FetchProblem, match=r"did not answer within 0\.3 seconds"):
            get(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout_seconds=0.3)
        done.set()
        thread.join(120)


def test_a_broken_off_answer_is_asked_for_once_more(site: Site) -> None:
    site.pages["/"] = Page(pieces=lambda: iter([b"half"]), headers={"Content-Length": "100"})
    with pytest.raises(FetchProblem, match="broke off its answer"):
        get(site.address)
    assert len(site.asked) == 2


def test_a_busy_server_is_waited_for_as_long_as_it_asks_within_bounds(site: Site) -> None:
    waits: list[float] = []
    for asked in ("7", "86400", "Wed, 21 Oct 2026 07:28:00 GMT"):
        site.pages["/"] = Page(status=429, headers={"Retry-After": asked})
        assert get(site.address, sleep=waits.append).status == 429
    assert [seconds for seconds in waits if seconds > 0] == [7, 30, 1]
    assert len(site.asked) == 6


def test_requests_keep_their_distance(site: Site) -> None:
    site.pages["/"] = Page(b"hello")
    waits: list[float] = []
    with HttpFetcher(allow_private=True, delay_seconds=60, sleep=waits.append) as outside:
        for _ in range(3):
            outside.get(site.address, limit=lambda *_: 10)
    assert waits[0] == 0
    assert all(50 < seconds <= 60 for seconds in waits[1:])


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("http://127.0.0.1:1/", "cannot be connected to"),
        ("http://no-such-host.invalid/", "on a host that no name server knows"),
    ],
)
def test_what_cannot_be_reached_says_why(address: str, cause: str) -> None:
    with pytest.raises(FetchProblem, match=cause) as problem:
        get(address, resolve=public_network.resolve_host)
    assert problem.value.may_pass
    assert problem.value.advice


@pytest.mark.skipif(not shutil.which("openssl"), reason="makes no certificate without openssl")
def test_a_certificate_must_be_of_the_name_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=docs.acme.example",
    ]
    made += ["-addext", "subjectAltName=DNS:docs.acme.example", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with Site(tls) as site:
        site.pages["/"] = Page(b"hello")

        def get_from(host: str) -> bytes:
            return get(f"https://{host}:{site.port}/", resolve=lambda *_: ["127.0.0.1"]).body

        with pytest.raises(FetchProblem, match="a certificate that is not trusted"):
            get_from("docs.acme.example")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert get_from("docs.acme.example") == b"hello"
        for other in ("other.example", "127.0.0.1"):
            with pytest.raises(FetchProblem, match="a certificate that is not trusted"):
                get_from(other)


def test_a_port_that_speaks_no_tls_is_told(site: Site) -> None:
    with pytest.raises(FetchProblem, match="cannot be connected to"):
        get(site.address.replace("http:", "https:"))


def test_a_redirect_is_followed_on_its_host_only_and_not_for_ever(site: Site) -> None:
    site.pages["/a"] = Page(status=301, headers={"Location": "/b"})
    site.pages["/b"] = Page(b"here")
    elsewhere: tuple[str, ...] = (
        "http://169.254.169.254/latest",
        "http://evil.example/",
        "file:///etc/passwd",
        "http://[",
    )
    elsewhere += ("http://127.0.0.1:1/other", f"https://127.0.0.1:{site.port}/other/scheme")
    for target in elsewhere:
        site.pages[f"/{len(target)}"] = Page(status=302, headers={"Location": target})
    site.otherwise = lambda path: Page(status=302, headers={"Location": f"{path}x"})
    with HttpFetcher(allow_private=True, delay_seconds=0) as outside:

        def follow(path: str) -> HttpResponse:
            return outside.follow(f"{site.address}{path}", limit=lambda *_: 100)

        assert follow("/a").body == b"here"
        for target in elsewhere:
            assert follow(f"/{len(target)}").status == 302
        site.asked.clear()
        assert follow("/endless").status == 302
        assert len(site.asked) == MAX_REDIRECTS + 1


def test_what_nobody_wants_is_not_read(site: Site) -> None:
    site.pages["/"] = Page(pieces=endless, headers={"Content-Type": "video/mp4"})

    def limit(status: int, headers: httpx.Headers) -> int:
        return 0 if headers["content-type"].startswith("video") else 100

    with HttpFetcher(allow_private=True) as outside:
        answer = outside.get(site.address, limit=limit)
    assert (answer.body, answer.is_too_large) == (b"", False)


def test_a_proxy_is_used_only_when_told_to(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.otherwise = lambda path: Page(path.encode())
    monkeypatch.setenv("http_proxy", site.address)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    answer = get("http://docs.acme.example/x", allow_private=False, use_proxy=True)
    assert answer.body == b"http://docs.acme.example/x"
    with pytest.raises(FetchProblem, match="private network"):
        get("http://docs.acme.example/x", allow_private=False, resolve=lambda *_: ["10.0.0.1"])
