"""Reads the text of a PDF's pages, one line for each text that was set: enough for ASCII in TrueType fonts."""

import re
import zlib

STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
SET_TEXT = re.compile(rb"\[((?:[^\]\(]|\((?:\\.|[^\\)])*\))*)\]\s*TJ", re.DOTALL)
STRING = re.compile(rb"\(((?:\\.|[^\\)])*)\)", re.DOTALL)
ESCAPES = {b"n": b"\n", b"r": b"\r"}


def pages(pdf: bytes) -> list[list[str]]:
    """The texts of each page, in the order in which they were set; signs beyond ASCII are left out."""
    contents = [zlib.decompress(found) for found in STREAM.findall(pdf) if _is_deflated(found)]
    texts = [[_text(part) for part in re.findall(rb"BT(.*?)ET", content, re.DOTALL)] for content in contents]
    return [found for found in texts if found]


def _is_deflated(data: bytes) -> bool:
    try:
        zlib.decompress(data)
    except zlib.error:
        return False
    return True


def _text(block: bytes) -> str:
    data = b"".join(string for shown in SET_TEXT.findall(block) for string in STRING.findall(shown))
    data = re.sub(rb"\\(.)", lambda escaped: ESCAPES.get(escaped[1], escaped[1]), data, flags=re.DOTALL)
    return "".join(sign for sign in data.decode("utf-16-be") if " " <= sign <= "~")
