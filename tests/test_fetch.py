"""Fetching: what is refused, redirects, caps, all against a server on loopback that is allowed explicitly."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import format_helpers as made
import pytest

from index.articles import read_articles
from index.decode import Unreadable
from index.fetch import fetch, is_public
from index.settings import IndexSettings
from index.types import Article, Rejected


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        kind, body, status, extra = "text/html; charset=utf-8", made.PAGE.encode(), 200, {}
        if path == "/feed":
            kind, body = "application/rss+xml", made.FEED.encode()
        elif path == "/plain":
            kind, body = "text/plain", b"Rain\n\nIt rained.\n"
        elif path == "/picture":
            kind, body = "image/png", b"\x89PNG"
        elif path == "/gzip":
            body, extra = gzip.compress(body), {"Content-Encoding": "gzip"}
        elif path == "/cut":
            extra = {"Content-Length": str(len(body))}
            body = body[:700]
        elif path == "/cut-gzip":
            body, extra = gzip.compress(body)[:-20], {"Content-Encoding": "gzip"}
        elif path == "/bomb":
            body, extra = gzip.compress(b"a" * 5_000_000), {"Content-Encoding": "gzip"}
        elif path == "/missing":
            status = 404
        elif path.startswith("/hop"):
            status, extra = 302, {"Location": f"/hop{int(path[4:]) - 1}" if path != "/hop0" else "/page"}
        elif path == "/to-file":
            status, extra = 302, {"Location": "file:///etc/passwd"}
        elif path == "/to-private":
            status, extra = 302, {"Location": "http://10.0.0.1/"}
        elif path == "/lines":
            kind, body = "application/x-ndjson", b'{"text": "It rained."}\n{"id": 7, "text": "It snowed."}\n{}\n'
        elif path == "/slow":
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(100):
                    self.wfile.write(b"<p>")
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:
                pass  # the other end hung up, as it should
            return
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in extra.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def reason(url: str, *, allow_private: bool = True, max_bytes: int = 1_000_000, seconds: float = 10) -> str:
    with pytest.raises(Unreadable) as caught:
        fetch(url, max_bytes=max_bytes, seconds=seconds, allow_private=allow_private)
    return str(caught.value)


@pytest.mark.parametrize("path", ["/page", "/gzip", "/hop4", "/page?q=ä b".replace(" ", "%20")])
def test_a_page_is_fetched(site: str, path: str) -> None:
    fetched = fetch(site + path, max_bytes=1_000_000, seconds=10, allow_private=True)
    assert fetched.data == made.PAGE.encode() and fetched.suffix == ".html"


def test_urls_are_read_as_articles(site: str) -> None:
    urls = [f"{site}/{name}" for name in ("page", "feed", "plain", "missing")]
    items = list(read_articles(*urls, settings=IndexSettings(fetch_private=True)))
    articles = [i for i in items if isinstance(i, Article)]
    assert [a.id for a in articles] == [urls[0], "http://wire.example/1", urls[2]]
    assert [a.title for a in articles] == ["Rain Falls on Town", "Rain & Snow", "Rain"]
    assert articles[2].url == urls[2] and articles[0].metadata["root"] == urls[0]
    assert "404" in [i.reason for i in items if isinstance(i, Rejected)][-1]


def test_json_lines_at_an_address(site: str) -> None:
    items = list(read_articles(f"{site}/lines", settings=IndexSettings(fetch_private=True)))
    assert [item.id for item in items if isinstance(item, Article)] == [f"{site}/lines#1", "7"]
    assert [item.path for item in items if isinstance(item, Rejected)] == [f"{site}/lines:3"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/hop5", "more than 5 redirects"),
        ("/to-file", "only http and https"),
        ("/picture", "image/png is not read"),
        ("/missing", "404"),
        ("/bomb", "max_file_bytes"),
    ],
)
def test_what_stands_in_the_way_is_named(site: str, path: str, words: str) -> None:
    assert words in reason(site + path)


def test_a_slow_server_is_left_at_the_time_given(site: str) -> None:
    assert "read_seconds" in reason(f"{site}/slow", seconds=0.3)


def test_loopback_is_refused_unless_allowed(site: str) -> None:
    assert "no public address" in reason(f"{site}/page", allow_private=False)
    (item,) = read_articles(f"{site}/page")
    assert isinstance(item, Rejected) and "fetch_private = true" in item.reason


def test_a_redirect_is_checked_too(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import index.fetch

    # The first address is let through, as a public one would be; the one redirected to is not.
    monkeypatch.setattr(index.fetch, "is_public", lambda address: address == "127.0.0.1")
    assert "10.0.0.1, no public address" in reason(f"{site}/to-private", allow_private=False)


def test_the_connection_goes_to_the_address_that_was_checked(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(site.rsplit(":", 1)[1])
    asked: list[str] = []

    def rebinding(host: str, *arguments: object, **options: object) -> list[object]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.99"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **o: rebinding(host) if host == "wire.example" else real(host, *a, **o)
    )
    fetched = fetch(f"http://wire.example:{port}/page", max_bytes=1_000_000, seconds=10, allow_private=True)
    assert fetched.data and asked == ["wire.example"]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://wire.example/a",
        "file:///etc/passwd",
        "http://",
        "http://user:password@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://[::1",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/a\r\nX: y",
    ],
)
def test_urls_that_are_not_fetched(url: str) -> None:
    assert reason(url)


@pytest.mark.parametrize(
    "address",
    """127.0.0.1 127.8.8.8 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 0.0.0.0 100.64.0.1 224.0.0.1
    255.255.255.255 ::1 :: fe80::1%eth0 fc00::1 ff02::1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::a00:1
    2002:7f00:1:: 2001:db8::1""".split(),
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("page", ["/cut", "/cut-gzip"])
def test_a_page_that_breaks_off_is_no_page(site: str, page: str) -> None:
    (rejected,) = read_articles(site + page, settings=IndexSettings(fetch_private=True))
    assert isinstance(rejected, Rejected) and "ended before" in rejected.reason
