"""What the strategy does in crises: the covid months and three rate rises of 2022, from candles to equity, symbol by symbol.

    python -m benchmarks.crisis_windows DATA_DIR
    python -m benchmarks.crisis_windows DATA_DIR --json

DATA_DIR holds fx/oanda_h1/SYMBOL_h1.parquet (hourly candles of 2016 to 2022-06, `ts` their open in UTC) and macro/VIX_d1.parquet.
Each symbol is played once from July 2019 on, by the rules of FX at usual charges of an account in dollars, with default
parameters; a window is a stretch of that. Two kinds of decisions:

`components`: `decide` with what can be made here: a random walk with season, fitted before 2019 (it has no median move, so that
patterns lead every entry), bands calibrated on 2019-H1 and adapted since, regimes and an autoencoder fitted before 2019, VIX and
volume filters, the allocation among the four symbols, and a policy that learned nothing: equal weights, with cash among them.
`coin`: long or short by chance at every close, 1 % of the equity at risk, stop and target twice the average range away, every
other entry led by a pattern by chance: hardly ever out of the market, so that no window passes for want of a position.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from fxgpt_core.backtest.conditions import Conditions, play_of
from fxgpt_core.backtest.crises import CRISES, Crisis
from fxgpt_core.backtest.engine import execution_parameters
from fxgpt_core.backtest.stress import StressResult, stress
from fxgpt_core.backtest.stress_parameters import StressParameters
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.files import read_candle_file
from fxgpt_core.candles.schema import check_candles
from fxgpt_core.conformal.bands import bands_behind
from fxgpt_core.conformal.calibration import fit
from fxgpt_core.conformal.outcomes import outcomes_of
from fxgpt_core.context.kinds import KINDS, context_of_symbol
from fxgpt_core.context.market_context import market_context
from fxgpt_core.errors import FxgptError, MissingError
from fxgpt_core.forecasts.random_walk import RandomWalk
from fxgpt_core.forecasts.volatility import fit_volatility
from fxgpt_core.market.charges import Charges, charged
from fxgpt_core.market.conversion import Closes
from fxgpt_core.market.costs import costs_for
from fxgpt_core.market.symbols import Symbol, symbol
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.patterns.anomalies import anomaly_of
from fxgpt_core.portfolio.capital import Capital
from fxgpt_core.portfolio.policy import Layer, PlainPolicy, policy_weights
from fxgpt_core.portfolio.policy_state import SIZE, states
from fxgpt_core.portfolio.universe import universe_of
from fxgpt_core.regimes.hidden_markov import fit_regimes
from fxgpt_core.regimes.regime_parameters import RegimeParameters
from fxgpt_core.strategy.components import Components
from fxgpt_core.strategy.decision import Decisions, decide
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.view import average_true_range, market_view
from fxgpt_core.training.autoencoder_parameters import preset
from fxgpt_core.training.autoencoder_training import train_autoencoder
from fxgpt_core.validation.folds import Window

SYMBOLS: Final = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")
FITTED, CALIBRATED = (int(datetime(2019, month, 1, tzinfo=UTC).timestamp()) * 1_000_000 for month in (1, 7))
DAYS_AROUND: Final = 3
RISES: Final = ("2022-03-16", "2022-05-04", "2022-06-15")
"""Days on which the Federal Reserve raised its rate, by a quarter, a half and three quarters of a point."""
KINDS_OF_DECISIONS: Final = ("components", "coin")
COIN_RANGES: Final = 2.0
ATR_CANDLES: Final = 14
PARAMETERS: Final = StrategyParameters.default()


@dataclass(frozen=True)
class Row:
    """One window of one run; percents of the equity at the close before it, `kept_pct` its lowest; `held`: a position was.

    `note` says why a window was not judged, or not survived.
    """

    symbol: str
    decisions: str
    window: str
    trades: int
    held: bool
    return_pct: float
    drawdown_pct: float
    kept_pct: float
    note: str


def windows() -> tuple[Crisis, ...]:
    """The covid months, and `DAYS_AROUND` days before and after each rise of the Federal Reserve's rate in the data."""
    covid, hikes = (next(each for each in CRISES if each.name == name) for name in ("covid", "fed_hikes"))
    rises = []
    for day in RISES:
        midnight_us = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000
        around = Window(midnight_us - DAYS_AROUND * DAY_US, midnight_us + (DAYS_AROUND + 1) * DAY_US)
        rises.append(Crisis(f"rise of {day}", around, hikes.currencies, hikes.happened, hikes.source))
    return (covid, *rises)


def measured(folder: Path, seed: int) -> list[Row]:
    """A row for each symbol, kind of decisions and window. Raises `MissingError` for an absent file."""
    return [row for name in SYMBOLS for row in _rows(folder, symbol(name), seed)]


def _rows(folder: Path, traded: Symbol, seed: int) -> list[Row]:
    frame = _frame(folder, traded.name)
    candles = candle_arrays(frame, Timeframe.H1)
    first = int(np.searchsorted(candles.known_at_us, CALIBRATED))
    by_kind = {
        "components": _by_components(folder, traded, frame, candles).slice(first, len(candles)),
        "coin": _by_coin(candles, np.random.default_rng(seed)).slice(first, len(candles)),
    }
    played = candles.slice(first, len(candles))
    closes = Closes(traded, played.known_at_us, played.close)
    conditions = Conditions(played, charged(closes, played.open_time_us, Charges(), spread=played.spread))
    asked = StressParameters(crises=windows(), cost_multipliers=())
    rows = []
    for kind in KINDS_OF_DECISIONS:
        play = play_of(by_kind[kind], execution_parameters(PARAMETERS, Timeframe.H1))
        rows += [_row(traded, kind, result) for result in stress(play, conditions, traded, None, asked)]
    return rows


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.exists():
        raise MissingError(f"{path} is not there; DATA_DIR needs {name}: see the head of benchmarks/crisis_windows.py")
    return path


def _by_components(folder: Path, traded: Symbol, frame: pl.DataFrame, candles: CandleArrays) -> Decisions:
    """What `decide` says at every candle; it has bands, and so decides, from July 2019 on."""
    train = candles.slice(0, int(np.searchsorted(candles.known_at_us, FITTED)))
    walk = RandomWalk(traded.name, fit_volatility(train))
    forecasts = walk.forecast(frame, candles, np.arange(len(train), len(candles)), seed=0)
    before = forecasts.known_at_us < CALIBRATED
    known = outcomes_of(candles.close, candles.known_at_us, forecasts).select(before).until(CALIBRATED)
    bands = bands_behind(fit(forecasts.select(before), known, model_sha256="", sampling_sha256=""), forecasts, candles)
    times = pl.DataFrame({"known_at": pl.Series(candles.known_at_us).cast(pl.Datetime("us", "UTC"))})
    vix = KINDS["vix"].read(_file(folder, "macro/VIX_d1.parquet"))
    components = Components(
        patterns=True,
        regime=fit_regimes(train, RegimeParameters(), seed=0).series(candles).regime,
        anomaly=anomaly_of(train_autoencoder(train, preset("small"), symbol=traded.name, seed=0).model, candles).ratio,
        context=market_context(context_of_symbol(times, [vix], traded)),
        capital=_capital(folder, traded),
    )
    view = market_view(candles, bands.select(bands.known_at_us >= CALIBRATED), PARAMETERS, components)
    return decide(view, PARAMETERS, costs_for(traded, float(train.close[-1])))


def _capital(folder: Path, traded: Symbol) -> Capital:
    universe = universe_of({name: candle_arrays(_frame(folder, name), Timeframe.H1) for name in SYMBOLS})
    flat = Layer(np.zeros((SIZE, len(SYMBOLS) + 1), np.float32), np.zeros(len(SYMBOLS) + 1, np.float32))
    untrained = PlainPolicy(SYMBOLS, (flat,))
    return Capital(traded.name, universe, policy_weights(untrained, states(universe), universe.day)[:, :-1])


def _frame(folder: Path, name: str) -> pl.DataFrame:
    return check_candles(read_candle_file(_file(folder, f"fx/oanda_h1/{name}_h1.parquet")), Timeframe.H1)


def _by_coin(candles: CandleArrays, rng: np.random.Generator) -> Decisions:
    n, distance = len(candles), COIN_RANGES * average_true_range(candles, ATR_CANDLES)
    side = np.where(distance > 0.0, rng.choice([1, -1], n), 0).astype(np.int8)
    led = {"pattern_led": rng.choice([0.0, 1.0], n)}
    return Decisions(candles.known_at_us, side, distance, distance, np.full(n, 0.01), np.zeros(n, np.int8), led)


def _row(traded: Symbol, kind: str, result: StressResult) -> Row:
    found = result.numbers
    if found is None:
        raise MissingError(f"{traded.name}: {result.name} was not played: {result.why}; give candles to 2022-06")
    percents = found.return_pct, found.max_drawdown_pct, found.kept_pct
    return Row(traded.name, kind, result.name, found.trades, found.was_held, *percents, result.why)


def main(arguments: list[str]) -> int:
    """Measure and print; 0, or the exit code of what was wrong with the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DATA_DIR")
    parser.add_argument("--seed", type=int, default=7, help="of the coin")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        rows = measured(chosen.folder, chosen.seed)
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if chosen.json:
        print(json.dumps([asdict(row) for row in rows]))
        return 0
    print(f"{'symbol':<8}{'decisions':<12}{'window':<20}{'trades':>7}{'return %':>10}{'drawdown %':>12}{'kept %':>9}  note")
    for row in rows:
        percents = f"{row.return_pct:10.2f}{row.drawdown_pct:12.2f}{row.kept_pct:9.2f}"
        print(f"{row.symbol:<8}{row.decisions:<12}{row.window:<20}{row.trades:7d}{percents}  {row.note}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
