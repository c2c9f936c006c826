"""What the components cost: the whole decision of one candle, and a whole history of hourly candles, symbol by symbol.

    python -m benchmarks.components DATA_DIR [--json]

DATA_DIR holds fx/oanda_h1/SYMBOL_h1.parquet (hourly candles, `ts` their open in UTC) and macro/VIX_d1.parquet. Regimes and the
autoencoder are fitted on the first half, which is training and told apart; the policy has the weights of no training, since it is
only timed; bands are those of a random walk with season. One candle: regime, anomaly, and the decision with patterns, filters,
odds, capital and size, each from as many candles as it looks back on, and equal to that of the whole history to the last bit, or
nothing is reported; the forecast is not in it. A
history: every component at every candle, with the weights of every day and the decision of every candle.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.files import read_candle_file
from fxgpt_core.candles.schema import check_candles
from fxgpt_core.conformal.bands import Bands, raw_bands
from fxgpt_core.context.kinds import KINDS, context_of_symbol
from fxgpt_core.context.market_context import MarketContext, market_context
from fxgpt_core.errors import BrokenLineageError, FxgptError, MissingError
from fxgpt_core.forecasts.random_walk import RandomWalk
from fxgpt_core.forecasts.volatility import fit_volatility
from fxgpt_core.market.costs import Costs, costs_for
from fxgpt_core.market.symbols import symbol
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.patterns.anomalies import AnomalyModel, anomaly_of
from fxgpt_core.portfolio.capital import Capital
from fxgpt_core.portfolio.policy import Layer, PlainPolicy, policy_weights
from fxgpt_core.portfolio.policy_state import SIZE, states
from fxgpt_core.portfolio.universe import Universe, universe_of
from fxgpt_core.regimes.hidden_markov import fit_regimes
from fxgpt_core.regimes.regime import UNKNOWN
from fxgpt_core.regimes.regime_model import RegimeModel
from fxgpt_core.regimes.regime_parameters import RegimeParameters
from fxgpt_core.strategy.components import Components
from fxgpt_core.strategy.decision import Decisions, decide
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.view import lookback_candles, market_view
from fxgpt_core.training.autoencoder_parameters import preset
from fxgpt_core.training.autoencoder_training import train_autoencoder

SYMBOLS: Final = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")
CANDLES: Final = 300
RECENT: Final = 10
"""A pattern asks for the regime of as many candles."""
PARAMETERS: Final = StrategyParameters.default()


@dataclass(frozen=True)
class Row:
    """Milliseconds of a candle (median and 95th percentile of `CANDLES` successive ones), seconds of a history, of training."""

    symbol: str
    candles: int
    one_candle_ms: float
    one_candle_95_ms: float
    history_s: float
    training_s: float


@dataclass(frozen=True, eq=False)
class Case:
    """One symbol with all that its decisions need."""

    name: str
    candles: CandleArrays
    context: MarketContext
    bands: Bands
    costs: Costs
    regimes: RegimeModel
    anomalies: AnomalyModel
    universe: Universe
    policy: PlainPolicy
    training_s: float


def measured(folder: Path) -> list[Row]:
    """A row for each symbol. Raises `MissingError` for an absent file."""
    frames = {name: check_candles(read_candle_file(_file(folder, name)), Timeframe.H1) for name in SYMBOLS}
    arrays = {name: candle_arrays(frame, Timeframe.H1) for name, frame in frames.items()}
    return [_row(_case(folder, name, frames[name], arrays)) for name in SYMBOLS]


def _file(folder: Path, name: str) -> Path:
    path = folder / (f"fx/oanda_h1/{name}_h1.parquet" if name in SYMBOLS else name)
    if not path.exists():
        raise MissingError(f"{path} is not there; see the head of benchmarks/components.py for what DATA_DIR needs")
    return path


def _case(folder: Path, name: str, frame: pl.DataFrame, arrays: dict[str, CandleArrays]) -> Case:
    candles = arrays[name]
    train = candles.slice(0, len(candles) // 2)
    began = time.perf_counter()
    regimes = fit_regimes(train, RegimeParameters(), seed=7)
    anomalies = train_autoencoder(train, preset("small"), symbol=name, seed=17).model
    training_s = time.perf_counter() - began
    times = pl.DataFrame({"known_at": pl.Series(candles.known_at_us).cast(pl.Datetime("us", "UTC"))})
    vix = KINDS["vix"].read(_file(folder, "macro/VIX_d1.parquet"))
    walk = RandomWalk(name, fit_volatility(train))
    forecasts = walk.forecast(frame, candles, np.arange(len(train), len(candles)), seed=0)
    return Case(
        name,
        candles,
        market_context(context_of_symbol(times, [vix], symbol(name))),
        raw_bands(forecasts),
        costs_for(symbol(name), float(train.close[-1])),
        regimes,
        anomalies,
        universe_of(arrays),
        _policy(np.random.default_rng(5)),
        training_s,
    )


def _policy(rng: np.random.Generator) -> PlainPolicy:
    widths = (SIZE, 256, 128, len(SYMBOLS) + 1)
    layers = [
        Layer(rng.normal(0.0, 0.05, (came, goes)).astype(np.float32), np.zeros(goes, np.float32))
        for came, goes in pairwise(widths)
    ]
    return PlainPolicy(SYMBOLS, tuple(layers))


def _capital(case: Case) -> Capital:
    weights = policy_weights(case.policy, states(case.universe), case.universe.day)[:, :-1]
    return Capital(case.name, case.universe, weights)


def _row(case: Case) -> Row:
    # Compiled and loaded before anything is timed.
    _whole(replace(case, candles=case.candles.slice(0, 20_000), context=case.context.select(slice(0, 20_000)), bands=_none(case)))
    began = time.perf_counter()
    capital, whole = _whole(case)
    history_s = time.perf_counter() - began
    took = [_seconds(partial(_one, case, capital, row)) for row in range(len(case.candles) - CANDLES, len(case.candles))]
    for row in range(len(case.candles) - CANDLES, len(case.candles)):
        alone, among = _one(case, capital, row).row(0), whole.row(row)
        if alone != among:
            raise BrokenLineageError(
                f"candle {row} of {case.name} is decided as {alone} alone, and as {among} among all; repair that"
            )
    middle, high = 1000.0 * np.quantile(took, (0.5, 0.95))
    return Row(case.name, len(case.candles), float(middle), float(high), history_s, case.training_s)


def _none(case: Case) -> Bands:
    return case.bands.select(slice(0, 0))


def _whole(case: Case) -> tuple[Capital, Decisions]:
    capital = _capital(case)
    regime, anomaly = case.regimes.series(case.candles).regime, anomaly_of(case.anomalies, case.candles).ratio
    components = Components(True, regime, anomaly, case.context, capital)
    return capital, decide(market_view(case.candles, case.bands, PARAMETERS, components), PARAMETERS, case.costs)


def _one(case: Case, capital: Capital, row: int) -> Decisions:
    """The decision of one candle, each part from as many candles as it needs."""

    def tail(past: int) -> CandleArrays:
        return case.candles.slice(row - past, row + 1)

    past = lookback_candles(case.candles.timeframe)
    candles, anomaly, regime = tail(past), np.full(past + 1, np.nan), np.full(past + 1, UNKNOWN, dtype=np.int8)
    regime[-RECENT:] = case.regimes.series(tail(case.regimes.candles_needed + RECENT)).regime[-RECENT:]
    anomaly[-1] = anomaly_of(case.anomalies, tail(case.anomalies.candles_needed - 1)).ratio[-1]
    components = Components(True, regime, anomaly, case.context.select(slice(row - past, row + 1)), capital)
    at = int(np.searchsorted(case.bands.known_at_us, candles.known_at_us[-1]))
    view = market_view(candles, case.bands.select(slice(at, at + 1)), PARAMETERS, components, past)
    return decide(view, PARAMETERS, case.costs)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.components", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DATA_DIR")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        rows = measured(given.folder)
    except FxgptError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    if given.json:
        print(json.dumps([asdict(row) for row in rows]))
        return 0
    print("symbol  candles  one candle, ms (95 %)  history, s  training, s")
    for row in rows:
        one = f"{row.one_candle_ms:.2f} ({row.one_candle_95_ms:.2f})"
        print(f"{row.symbol}  {row.candles:7}  {one:>21}  {row.history_s:10.1f}  {row.training_s:11.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
