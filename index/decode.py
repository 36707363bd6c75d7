"""Bytes to normalised text: encoding guessed where it isn't told, line ends made `\\n`, what no text holds replaced.

Raises Unreadable with a reason for a person. It leaves out what the text means.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f\ud800-\udfff\ufeff]")
_CONTROL_BYTES = bytes(set(range(32)) - {7, 8, 9, 10, 11, 12, 13, 26, 27})
_SAMPLE = 65_536


class Unreadable(ValueError):
    """A file or a record that can't be read as an article; its text is the reason."""


def decode(data: bytes) -> str:
    """The text of a file's bytes, normalised.

    >>> decode(b"\\xff\\xfeH\\x00i\\x00\\r\\x00\\n\\x00")
    'Hi\\n'
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return normalise(data.decode(encoding, errors="replace"))
    sample = data[:_SAMPLE]
    if b"\x00" in sample and (guessed := _utf16(sample)):
        return normalise(data.decode(guessed, errors="replace"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = _guess(data)
    controls = len(sample) - len(sample.translate(None, _CONTROL_BYTES))
    if controls > len(sample) * 0.02 + 1:
        raise Unreadable("binary data, not text")
    return normalise(text)


def normalise(text: str) -> str:
    """The text with `\\n` line ends, and U+FFFD for NUL, other control characters and lone surrogates; no BOM.

    >>> normalise("a\\r\\nb\\x00\\ud800c")
    'a\\nb\\ufffd\\ufffdc'
    """
    text = _LINE_ENDS.sub("\n", text)
    return _NO_TEXT.sub(lambda m: "" if m[0] == "\ufeff" else "\ufffd", text)


def shown_path(path: str | Path) -> str:
    """The path as text that can be stored and printed: of a name that is not UTF-8, each wrong byte is written \\xff.

    Two such names stay two, which U+FFFD would not keep apart.
    """
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")


def _utf16(sample: bytes) -> str | None:
    """UTF-16 without a byte order mark: ASCII letters make every second byte NUL."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) / 2
    if odd > half * 0.4 and even < half * 0.1:
        return "utf-16-le"
    if even > half * 0.4 and odd < half * 0.1:
        return "utf-16-be"
    return None


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes  # 60 ms to import

    # A stray byte in what is otherwise UTF-8 must not turn every accent into two wrong letters.
    text = data.decode("utf-8", errors="replace")
    wrong = text.count("\ufffd")
    right = sum(1 for c in text if c > "\x7f") - wrong
    if wrong <= right * 0.1:
        return text
    if len(data) < 400 and wrong < len(data) * 0.3:
        # Too short for a guess (charset-normalizer reads "déjà" as "déjŕ"): Western European, as most such files are.
        return data.decode("cp1252", errors="replace")
    best = from_bytes(data[:_SAMPLE]).best()
    if best is None:
        if wrong > len(text) * 0.1:
            raise Unreadable("binary data, or text in an encoding that could not be told: save it as UTF-8")
        return text
    return data.decode(best.encoding, errors="replace")
