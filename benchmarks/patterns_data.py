"""What the benchmark of patterns plays: hourly candles of a folder, and parameter sets drawn from all ranges."""

from dataclasses import fields
from pathlib import Path
from typing import Final

import numpy as np

from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.files import read_candle_file
from fxgpt_core.candles.schema import check_candles
from fxgpt_core.errors import MissingError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.patterns.parameters import RANGES, PatternParameters

SYMBOLS: Final = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")


def read(folder: Path, symbol: str) -> CandleArrays:
    """The candles of a symbol. Raises `MissingError` for an absent file."""
    name = f"{symbol}_h1.parquet"
    places = [folder / name, folder / "fx" / "oanda_h1" / name]
    path = next((place for place in places if place.exists()), None)
    if path is None:
        raise MissingError(
            f"{name} is neither in {places[0].parent} nor in {places[1].parent}; name a folder of hourly candles of several "
            "years (OANDA's of 2016 to 2022, which are not part of this project)"
        )
    return candle_arrays(check_candles(read_candle_file(path), Timeframe.H1), Timeframe.H1)


def drawn_parameters(rng: np.random.Generator) -> PatternParameters:
    """A parameter set drawn evenly from the ranges, its target beyond its stop and its sizes in order."""
    drawn: dict[str, bool | int | float] = {}
    for item in fields(PatternParameters):
        low, high = RANGES.get(item.name, (0, 1))
        if item.name not in RANGES:
            drawn[item.name] = bool(rng.integers(2))
        elif isinstance(item.default, int):
            drawn[item.name] = int(rng.integers(int(low), int(high) + 1))
        else:
            drawn[item.name] = float(rng.uniform(low, high))
    drawn["target_multiplier"] = max(float(drawn["target_multiplier"]), 1.1 * float(drawn["stop_loss_multiplier"]))
    return PatternParameters(**drawn)  # type: ignore[arg-type]
