"""Text in a PDF: how wide it is, and where it is broken to fit."""

from collections.abc import Sequence
from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path


@lru_cache(maxsize=8192)
def width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of a line in points, at a size in points."""
    font = FontProperties(size=size, weight="bold" if bold else "normal")
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


@lru_cache(maxsize=8192)
def wrapped(text: str, room: float, size: float) -> tuple[str, ...]:
    """The lines of a text within `room` points; a word that is wider than a line, such as a hash, is broken."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines += _broken(word, room, size)
    return tuple(line for line in lines if line) or ("",)


def column_widths(natural: Sequence[float], wraps: Sequence[bool], room: float) -> list[float]:
    """Widths of columns within `room`: where they do not fit, the widest of those that can wrap are cut, all to one width."""
    left = room - sum(wide for wide, wrap in zip(natural, wraps, strict=True) if not wrap)
    waiting = sorted(wide for wide, wrap in zip(natural, wraps, strict=True) if wrap)
    while waiting and waiting[0] <= left / len(waiting):
        left -= waiting.pop(0)
    limit = left / len(waiting) if waiting else room
    return [min(wide, limit) if wrap else wide for wide, wrap in zip(natural, wraps, strict=True)]


def _broken(word: str, room: float, size: float) -> list[str]:
    parts = [""]
    for letter in word:
        if width(parts[-1] + letter, size) > room:
            parts.append("")
        parts[-1] += letter
    return parts
