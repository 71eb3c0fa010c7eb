"""Texts of other encodings than UTF-8."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from methodic.errors import InputError

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What West European texts have beside ASCII: letters, quotes, dashes, ellipsis, €, §, °, …
_USUAL = re.compile("[À-ÖØ-öø-ÿŒœŠšŽžŸƒ€‚„…‘’“”•–—™§©®°±²³µ·¹º»«¼½¾¿¡ª£¥¢\u00a0×÷´¨¬¸¯]+")
_MARKS = "€‚„…‘’“”•–—™ƒ"
_LONGEST = 3  # more of these characters seldom follow each other, nor do letters and marks mix
_SAMPLE = 2**20


def wide(head: bytes) -> str | None:
    """The encoding of texts in which each character takes two or four bytes, else None.

    Args:
        head: the file's first bytes. Without a mark in front, every other byte of them is 0.
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    start = head[:2000]
    half = len(start) // 2
    if half < 2 or b"\0" not in start:
        return None
    even, odd = start[::2].count(0), start[1::2].count(0)
    if odd > 0.8 * half and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > 0.8 * half and odd == 0 else None


def decoded(path: Path, content: bytes, encoding: str, notes: list[str]) -> bytes:
    """The content as UTF-8.

    Raises:
        InputError: it isn't of this encoding after all.
    """
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: the file begins as {encoding.upper()} text and isn't",
            found=f"{error.reason} at position {error.start:,}",
            accepted="UTF-8 or whole UTF-16",
            advice="Save the file with the encoding UTF-8 and try again.",
        ) from None
    notes.append(f"{path}: read as {encoding.upper()}")
    return text.encode()


def western(path: Path, content: bytes, error: UnicodeDecodeError, notes: list[str]) -> bytes:
    """The content of Windows-1252 text, of which Latin-1 is a part, as UTF-8.

    Raises:
        InputError: it is UTF-8 with damaged places, or reads like something else: characters that
            such texts don't have, or rows of accented letters, as Greek or Chinese texts give.
    """
    line = content.count(b"\n", 0, error.start) + 1
    byte = content[error.start]
    wrong = InputError(
        f"{path}: line {line} is not UTF-8 text",
        found=f"byte 0x{byte:02x} at position {error.start}",
        accepted="UTF-8, UTF-16, or West European text (Windows-1252, Latin-1)",
        advice="Save the file with the encoding UTF-8 and try again.",
    )
    first = max(0, error.start - _SAMPLE)
    around = content[first : first + 2 * _SAMPLE].decode(errors="replace")
    if len(re.findall(r"[^\x00-\x7f\ufffd]", around)) > around.count("\ufffd"):
        raise wrong  # it is UTF-8, but for a few damaged places
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        raise wrong from None
    strange = re.findall(r"[^\x00-\x7f]+", text[max(0, error.start - 100) :][:_SAMPLE])
    if any(not _USUAL.fullmatch(each) for each in strange):
        raise wrong
    if sum(_odd(each) for each in strange) * 10 > len(strange):
        raise wrong
    start = text.rfind("\n", 0, error.start) + 1
    word = re.compile(r"[^\s,;|\t]*[^\x00-\x7f][^\s,;|\t]*").search(text, start)
    shown = f", as in '{word[0][:30]}' in line {line}" if word else ""
    notes.append(f"{path}: not UTF-8; read as Windows-1252 (West European){shown}")
    return text.encode()


def _odd(run: str) -> bool:
    """Whether such a row of characters is rare in West European texts."""
    marks = sum(each in _MARKS for each in run)
    return len(run) > _LONGEST or (len(run) == _LONGEST and 0 < marks < len(run))
