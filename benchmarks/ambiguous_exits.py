"""How often a candle touches stop and target of one position, so that it cannot be told which came first.

    python -m benchmarks.ambiguous_exits
    python -m benchmarks.ambiguous_exits --candles eurusd.csv --timeframe 5m --json

While no position is held, a coin decides for a long or a short at each close. Stop and target are equally far, a multiple of
the average true range of 14 candles; nothing costs anything. Without --candles, five-minute candles are made of the sample's
moves.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np

from benchmarks.backtest_material import average_range, resampled, sample
from fxgpt_core.backtest.engine import BacktestAccount, ExecutionParameters, backtest
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.files import checked_candle_file
from fxgpt_core.errors import BadInputError, FxgptError
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import REASON_STOP, REASON_TARGET, ExitPlan
from fxgpt_core.market.timeframes import timeframe
from fxgpt_core.strategy.decision import Decisions

BRACKET_ONLY = ExecutionParameters(
    ExitPlan(math.inf, math.inf, 0.0), max_candles=0, daily_loss_limit=1.0, max_margin_fraction=1.0
)
# No run of losses empties the account, and no stop is so far that less than a unit would be bought.
ACCOUNT, RISK = BacktestAccount(cash=1e9), 1e-6


def measure(candles: CandleArrays, multiples: list[float], seed: int) -> list[dict[str, float]]:
    """For each multiple of the range: `exits` by stop or target, how many were `ambiguous`, and how many `in_entry_candle`.

    Raises `BadInputError` for a multiple that is not above 0, and for candles without an exit.
    """
    return [_row(candles, multiple, np.random.default_rng(seed)) for multiple in multiples]


def _row(candles: CandleArrays, multiple: float, rng: np.random.Generator) -> dict[str, float]:
    if not 0.0 < multiple < math.inf:
        raise BadInputError(f"a stop {multiple} average ranges away cannot be; give multiples above 0")
    trades = backtest(candles, _tossed(candles, multiple, rng), BRACKET_ONLY, Costs(0.0, 0.0), ACCOUNT).trades
    reached = np.isin(trades.reason, (REASON_STOP, REASON_TARGET))
    if not reached.any():
        raise BadInputError(f"no stop or target {multiple} ranges away was reached in {len(candles)} candles; give more")
    return {
        "ranges": multiple,
        "exits": int(reached.sum()),
        "ambiguous": int(trades.ambiguous.sum()),
        "in_entry_candle": int((reached & (trades.entry_index == trades.exit_index)).sum()),
    }


def _tossed(candles: CandleArrays, multiple: float, rng: np.random.Generator) -> Decisions:
    n, distance = len(candles), multiple * average_range(candles)
    side = np.where(distance > 0.0, rng.choice([1, -1], n), 0).astype(np.int8)
    return Decisions(candles.known_at_us, side, distance, distance, np.full(n, RISK), np.zeros(n, np.int8))


def main(arguments: list[str]) -> int:
    """Measure and print; 0, or the exit code of what was wrong with the candles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=Path, help="CSV or Parquet of candles (columns: see README), in place of made ones")
    parser.add_argument("--timeframe", default="5m", help="of --candles")
    parser.add_argument("--length", type=int, default=150_000, help="of the candles made")
    parser.add_argument("--ranges", type=float, nargs="+", default=[0.5, 1.0, 1.5, 2.0, 3.0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        if asked.candles:
            length = timeframe(asked.timeframe)
            candles = candle_arrays(checked_candle_file(asked.candles, length), length)
        else:
            candles = resampled(sample(), asked.length, asked.seed)
        found = measure(candles, asked.ranges, asked.seed)
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if asked.json:
        print(json.dumps({"candles": len(candles), "seed": asked.seed, "rows": found}))
        return 0
    print(f"{'ranges':>6}{'exits':>8}{'ambiguous':>11}{'in the entry candle':>21}")
    for row in found:
        ambiguous, early = (100.0 * row[name] / row["exits"] for name in ("ambiguous", "in_entry_candle"))
        print(f"{row['ranges']:6g}{row['exits']:8}{ambiguous:9.2f} %{early:19.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
