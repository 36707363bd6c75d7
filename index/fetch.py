"""Fetches a page, feed or file over http or https without being led anywhere it shouldn't go.

Every address that a host's name stands for is checked, and the connection goes to the address that was checked: a name
that resolves to something else a moment later changes nothing. Private, loopback, link-local and other special
addresses are refused unless allowed explicitly. Redirects are followed at most five times and checked each time; size
and time are capped. It leaves out cookies, passwords, proxies, robots.txt and following links.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

from index.decode import Unreadable

REDIRECTS = 5
_AGENT = "newsdesk"
_CHUNK = 65_536
_SAFE = "/%:@!$&'()*+,;=~-._?#[]"
_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "message/rfc822": ".eml",
    "application/rss+xml": ".rss",
    "application/atom+xml": ".rss",
    "application/xml": ".rss",
    "text/xml": ".rss",
    "application/jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl",
}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back: the URL after redirects, the bytes, and the suffix of the format that they are said to be in."""

    url: str
    data: bytes
    suffix: str


def fetch(url: str, *, max_bytes: int, seconds: float, allow_private: bool = False) -> Fetched:
    """The resource at `url`. Raises Unreadable with the reason for whatever stands in the way."""
    sockets: list[socket.socket] = []
    late = threading.Event()

    def cut() -> None:
        # A timeout of the socket starts anew with each byte that trickles in; this one does not.
        late.set()
        for connected in list(sockets):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.start()
    host: str | None = None
    try:
        for _ in range(REDIRECTS + 1):
            if late.is_set():
                raise TimeoutError
            parts = _checked(url)
            host = parts.hostname
            addresses = _resolve(parts, allow_private=allow_private)
            connection = _connect(parts, addresses, seconds, sockets)
            try:
                target = quote(urlunsplit(("", "", parts.path or "/", parts.query, "")), safe=_SAFE)
                headers = {"Host": _host(parts), "User-Agent": _AGENT, "Accept-Encoding": "gzip", "Connection": "close"}
                connection.request("GET", target, headers=headers)
                with connection.getresponse() as response:
                    if response.status not in (301, 302, 303, 307, 308):
                        suffix = _suffix(response, parts)
                        data = _body(response, max_bytes)
                        if late.is_set():
                            raise TimeoutError
                        return Fetched(url, data, suffix)
                    location = response.headers.get("Location")
                if not location:
                    raise Unreadable(f"{url} redirects to nowhere")
                url = urljoin(url, location)
            finally:
                connection.close()
        raise Unreadable(f"more than {REDIRECTS} redirects")
    except Unreadable:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        if late.is_set() or isinstance(error, TimeoutError):
            raise Unreadable(f"{host} took longer than read_seconds = {seconds:g}") from None
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreadable(f"{host} can't be fetched: {said}") from None
    finally:
        timer.cancel()
        timer.join()


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Unreadable(f"not a URL: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise Unreadable(f"only http and https are fetched, not {parts.scheme or 'a URL without a scheme'}")
    if not parts.hostname or port == 0:
        raise Unreadable("a URL without a host")
    if parts.username is not None or parts.password is not None:
        raise Unreadable("a URL with a user name or password in it is not fetched")
    if any(ord(c) < 33 or ord(c) == 127 for c in url):
        raise Unreadable("a URL with a space or control character in it")
    return parts


def _resolve(parts: SplitResult, *, allow_private: bool) -> list[str]:
    """The host's addresses. Refused as a whole if one of them is not public, so that order can't matter."""
    assert parts.hostname is not None
    try:
        found = socket.getaddrinfo(parts.hostname, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreadable(f"{parts.hostname} can't be resolved: {getattr(error, 'strerror', None) or error}") from None
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    for address in addresses:
        if not allow_private and not is_public(address):
            raise Unreadable(
                f"{parts.hostname} is {address}, no public address: not fetched; "
                "fetch_private = true in newsdesk.toml allows it"
            )
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody on the internet may reach, also when IPv6 wraps an IPv4 address.

    >>> is_public("127.0.0.1"), is_public("::ffff:10.0.0.1"), is_public("93.184.216.34")
    (False, False, True)
    """
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(ip, ipaddress.IPv6Address):
        teredo = ip.teredo[1] if ip.teredo else None
        nat64 = None
        if ip in ipaddress.IPv6Network("64:ff9b::/96"):
            nat64 = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        inner = ip.ipv4_mapped or ip.sixtofour or teredo or nat64
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _host(parts: SplitResult) -> str:
    name = parts.hostname or ""
    name = f"[{name}]" if ":" in name else name.encode("idna").decode()
    return f"{name}:{parts.port}" if parts.port else name


def _connect(
    parts: SplitResult,
    addresses: list[str],
    seconds: float,
    sockets: list[socket.socket],
) -> http.client.HTTPConnection:
    """A connection to one of exactly these addresses; for https the certificate must be the host name's."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    failure: OSError = OSError("no address")
    for address in addresses:
        connection = http.client.HTTPConnection(address, port, timeout=seconds)
        try:
            connection.connect()
            sockets.append(connection.sock)
            if parts.scheme == "https":
                context = ssl.create_default_context()
                connection.sock = context.wrap_socket(connection.sock, server_hostname=parts.hostname)
                sockets[-1] = connection.sock
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def _suffix(response: http.client.HTTPResponse, parts: SplitResult) -> str:
    """The ending of the format that the answer is said to be in; the URL's own where the answer doesn't say."""
    if response.status != 200:
        raise Unreadable(f"the server answered {response.status} {response.reason}")
    kind = response.headers.get_content_type()
    if kind in ("application/octet-stream", "text/plain"):  # the latter is what is said where nothing is known
        return PurePosixPath(parts.path).suffix.lower() or ".txt"
    if kind not in _SUFFIXES:
        raise Unreadable(f"content type {kind} is not read; these are: {', '.join(sorted(_SUFFIXES))}")
    return _SUFFIXES[kind]


def _body(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    encoding = (response.headers.get("Content-Encoding") or "identity").lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise Unreadable(f"content encoding {encoding} was not asked for")
    unpack = zlib.decompressobj(wbits=31) if encoding != "identity" else None
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        try:
            # A cap on what is unpacked at once: a few bytes of gzip may unpack to gigabytes.
            body += unpack.decompress(chunk, max_bytes + 1 - len(body)) if unpack else chunk
        except zlib.error as error:
            raise Unreadable(f"broken gzip: {error}") from None
        if len(body) > max_bytes:
            raise Unreadable(f"larger than max_file_bytes = {max_bytes:,}")
    if response.length or (unpack and body and not unpack.eof):
        raise Unreadable("the connection ended before the whole answer had come")
    return bytes(body)
