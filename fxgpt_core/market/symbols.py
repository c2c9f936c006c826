"""The symbols fxgpt trades: the 28 pairs of the eight major currencies, and gold in dollars."""

from dataclasses import dataclass
from difflib import get_close_matches

from fxgpt_core.errors import UnknownSymbolError


@dataclass(frozen=True)
class Symbol:
    """One instrument: prices are units of `quote` for one unit of `base`.

    `pip` is in quote currency, `digits` are the decimals of a price, `typical_spread_pips` is a retail spread in liquid
    hours, `daily_break_minutes` is how long the market pauses from 17:00 New York each day (0 for currencies).
    """

    name: str
    base: str
    quote: str
    pip: float
    digits: int
    typical_spread_pips: float
    daily_break_minutes: int = 0


# Typical retail spreads in liquid hours, in pips: an assumption to be replaced by the account's own, not a measurement.
_SPREAD_PIPS = {
    "EURUSD": 0.8, "GBPUSD": 1.1, "AUDUSD": 0.9, "NZDUSD": 1.3, "USDCAD": 1.2, "USDCHF": 1.2, "USDJPY": 0.9,
    "EURGBP": 1.1, "EURAUD": 1.8, "EURNZD": 2.6, "EURCAD": 1.8, "EURCHF": 1.5, "EURJPY": 1.3,
    "GBPAUD": 2.3, "GBPNZD": 3.2, "GBPCAD": 2.4, "GBPCHF": 2.1, "GBPJPY": 1.9,
    "AUDNZD": 1.9, "AUDCAD": 1.6, "AUDCHF": 1.7, "AUDJPY": 1.4,
    "NZDCAD": 2.0, "NZDCHF": 2.1, "NZDJPY": 1.8,
    "CADCHF": 1.8, "CADJPY": 1.6, "CHFJPY": 1.9,
}  # fmt: skip


def _currency_pair(name: str, spread_pips: float) -> Symbol:
    in_yen = name.endswith("JPY")
    return Symbol(name, name[:3], name[3:], 0.01 if in_yen else 0.0001, 3 if in_yen else 5, spread_pips)


_GOLD = Symbol("XAUUSD", "XAU", "USD", pip=0.1, digits=2, typical_spread_pips=2.5, daily_break_minutes=60)

SYMBOLS: dict[str, Symbol] = {name: _currency_pair(name, pips) for name, pips in _SPREAD_PIPS.items()} | {_GOLD.name: _GOLD}


def symbol(name: str) -> Symbol:
    """The symbol of a name such as "EURUSD" ("eur/usd" is read the same); raises `UnknownSymbolError` naming near matches."""
    wanted = name.strip().upper().replace("/", "").replace("_", "").replace("-", "")
    if wanted in SYMBOLS:
        return SYMBOLS[wanted]
    near = get_close_matches(wanted, SYMBOLS, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(sorted(SYMBOLS))}"
    raise UnknownSymbolError(f"symbol {name!r} is not among the {len(SYMBOLS)} symbols fxgpt knows; {hint}")
