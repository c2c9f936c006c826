"""Colours that people with any kind of colour vision tell apart.

Source: Okabe and Ito, Color Universal Design (2008). Nothing is told by colour alone: shapes or words say it too.
"""

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
INK = "#1f2933"
SLATE = "#52606d"
GREY = "#7b8794"
PALE = "#cbd2d9"
GRID = "#e4e7eb"

DEEPEST = 0.6
"""How much of its colour the deepest shade has; more would make dark text on it hard to read."""


def shade(value: float) -> str:
    """The colour of a number in [-1, 1]: white at 0, blue above, vermilion below."""
    colour = BLUE if value >= 0.0 else VERMILION
    return mixed(colour, DEEPEST * min(abs(value), 1.0))


def mixed(colour: str, part: float) -> str:
    """White with a part in [0, 1] of a colour "#rrggbb" in it."""
    channels = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 + (channel - 255) * part):02x}" for channel in channels)
