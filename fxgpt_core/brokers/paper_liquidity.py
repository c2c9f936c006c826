"""How much of an order one price fills on paper, where not all of it is to be."""

import hashlib
from dataclasses import dataclass

from fxgpt_core.errors import BadInputError


@dataclass(frozen=True)
class Liquidity:
    """At most 1 to `units` of an order are filled by one candle or quote, how many by a draw of symbol, time and `seed`.

    The draw needs no memory, so that a restart changes nothing. What stops, targets and stop-outs end is filled whole. Raises
    `BadInputError` for less than one unit.
    """

    units: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.units < 1:
            raise BadInputError(f"a liquidity of {self.units} units found; a price fills at least 1: leave it out to fill all")

    def at(self, name: str, time_us: int) -> int:
        """Units of each order that a price of a symbol fills."""
        drawn = hashlib.blake2b(f"{self.seed}:{name}:{time_us}".encode(), digest_size=8).digest()
        return 1 + int.from_bytes(drawn, "big") % self.units
