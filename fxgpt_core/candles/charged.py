"""What an account is charged in each candle of a series."""

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.charges import Charges, charged
from fxgpt_core.market.conversion import Closes
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.market.symbols import symbol


def charged_candles(
    name: str, candles: CandleArrays, charges: Charges, converting: tuple[str, CandleArrays] | None = None
) -> FxCosts:
    """The costs of a symbol's candles; `converting`: name and candles of the symbol that converts its profits, if one does.

    Raises `BadInputError` as `market.charges.charged` does.
    """
    cross = None if converting is None else _closes(*converting)
    return charged(_closes(name, candles), candles.open_time_us, charges, spread=candles.spread, cross=cross)


def _closes(name: str, candles: CandleArrays) -> Closes:
    return Closes(symbol(name), candles.known_at_us, candles.close)
