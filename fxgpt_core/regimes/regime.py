"""The four regimes, by name and by code."""

from typing import Final

REGIMES: Final = ("trending_up", "trending_down", "ranging", "volatile")
"""A regime's code is its place here."""

TRENDING_UP, TRENDING_DOWN, RANGING, VOLATILE = range(len(REGIMES))

UNKNOWN: Final = -1
"""Before a regime can be told."""

GLOBAL: Final = "global"
"""All regimes together."""

SET_NAMES: Final = (GLOBAL, *REGIMES)
"""The parameter sets of a strategy by regime; `numbers["parameter_set"]` of a decision is the place of the one that decided."""


def regime_name(code: int) -> str:
    """The name of a code; "unknown" for UNKNOWN."""
    return "unknown" if code == UNKNOWN else REGIMES[code]
