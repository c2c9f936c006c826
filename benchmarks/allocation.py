"""What sharing the capital by Riskfolio's measures and objectives is worth beside equal weights, on days it had not seen.

    python -m benchmarks.allocation DATA_DIR
    python -m benchmarks.allocation DATA_DIR --max-weight 0.5 --seed 7 --json

DATA_DIR or its folder fx/oanda_h1 holds SYMBOL_h1.parquet: hourly candles of EURUSD, GBPUSD, USDJPY and AUDUSD. Each weight is
chosen at the end of a day from the 120 days before it and earns on the next, so every day is unseen. Changes of weights pay half
the typical spread of their symbol. Two books are held: `long` holds the symbols themselves, which is what the weights are made
from; `trend` is long or short by the sign of each symbol's last 20 days, as a strategy is that multiplies its sizes by weights.
The interval is of the difference of annual Sharpe ratios, from blocks of days drawn again for both in common.
"""

import argparse
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.hourly_candles import SYMBOLS
from benchmarks.hourly_candles import read as read_candles
from fxgpt_core.errors import MissingError
from fxgpt_core.market.symbols import symbol
from fxgpt_core.performance.bootstrap import Resampling, block_length, stationary_indices
from fxgpt_core.portfolio.allocation import allocation
from fxgpt_core.portfolio.convex import MEASURES
from fxgpt_core.portfolio.optimal_weights import DAYS_A_YEAR, MAX_RETURN, NO_EXCESS, NO_SOLUTION, OBJECTIVES, AllocationParameters
from fxgpt_core.portfolio.risk_measures import risk_of
from fxgpt_core.portfolio.universe import Universe, universe_of

FloatArray = npt.NDArray[np.float64]

TREND_DAYS = 20
BOOKS = ("long", "trend")


def read(folder: Path) -> Universe:
    """The closes of the four symbols by FX day. Raises `MissingError` naming the file that is not there."""
    return universe_of({name: read_candles(folder, name) for name in SYMBOLS})


def sides(universe: Universe, book: str) -> FloatArray:
    """float64[D,K]: 1 or −1, known at the end of each day; 0 before the trend is known."""
    if book == "long":
        return np.ones(universe.close.shape)
    side = np.zeros(universe.close.shape)
    side[TREND_DAYS:] = np.sign(universe.close[TREND_DAYS:] - universe.close[:-TREND_DAYS])
    return side


def net_returns(universe: Universe, weights: FloatArray, side: FloatArray) -> tuple[FloatArray, float, float]:
    """Of the days after each row of weights: returns float64[D-1] after cost; turnover and cost a year."""
    wanted = weights * side
    moves = universe.returns[1:]
    earned = (wanted[:-1] * moves).sum(axis=1)
    held = wanted[:-1] * (1.0 + moves) / (1.0 + earned[:, None])
    half_spread = np.array([0.5 * symbol(name).typical_spread_pips * symbol(name).pip for name in universe.names])
    changed = np.abs(wanted[1:] - held)
    cost = (changed * half_spread / universe.close[1:]).sum(axis=1)
    years = len(earned) / DAYS_A_YEAR
    return earned - cost, float(changed.sum() / years), float(cost.sum() / years)


def sharpe(returns: FloatArray) -> FloatArray:
    """Annual, of each row of returns [R,n]."""
    ratio: FloatArray = returns.mean(axis=-1) / returns.std(axis=-1, ddof=1) * np.sqrt(DAYS_A_YEAR)
    return ratio


def drawdown(returns: FloatArray) -> float:
    """The deepest fall of the compounded capital from its peak, as a fraction."""
    capital = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    return float((1.0 - capital / np.maximum.accumulate(capital)).max())


def months_better(universe: Universe, ours: FloatArray, theirs: FloatArray, first: int) -> str:
    """In how many calendar months the one earned more than the other."""
    months = universe.day[first + 1 :].astype("datetime64[D]").astype("datetime64[M]")
    both = [(ours[months == month].sum(), theirs[months == month].sum()) for month in np.unique(months)]
    return f"{sum(a > b for a, b in both)}/{len(both)}"


def measure(universe: Universe, max_weight: float, seed: int) -> list[dict[str, Any]]:
    """A row for each way to share the capital and each book; equal weights first."""
    named: list[tuple[str, dict[str, Any]]] = [
        (f"{measure} {objective}", {"risk_measure": measure, "objective": objective})
        for measure, objective in itertools.product(MEASURES, OBJECTIVES)
        if objective != MAX_RETURN or measure == "MV"  # which looks at no risk
    ]
    named += [(f"{measure} parity", {"risk_measure": measure, "use_risk_parity": True}) for measure in MEASURES]
    ways: list[tuple[str, FloatArray, dict[str, Any]]] = []
    for name, given in named:
        began = time.perf_counter()
        found = allocation(universe, AllocationParameters(max_weight=max_weight, **given))
        told = {"seconds": time.perf_counter() - began, "least_risk_instead": int((found.reason == NO_EXCESS).sum())}
        ways.append((name, found.weights, told | {"unsolved": int((found.reason == NO_SOLUTION).sum())}))
    first = max(int(np.flatnonzero(np.isfinite(weights).all(axis=1))[0]) for _, weights, _ in ways)
    part = Universe(universe.names, universe.day[first:], universe.close[first:])
    even = np.full(part.close.shape, 1.0 / len(universe.names))
    rows = []
    for book in BOOKS:
        side = sides(universe, book)[first:]
        base = net_returns(part, even, side)
        rng = np.random.default_rng(seed)
        drawn = stationary_indices(len(base[0]), Resampling(block_length(base[0])), rng)
        for name, weights, told in [("equal", universe.close, {}), *ways]:
            returns, turnover, cost = base if name == "equal" else net_returns(part, weights[first:], side)
            gap = sharpe(returns[drawn]) - sharpe(base[0][drawn])
            low, high = np.quantile(gap, [0.025, 0.975])
            rows.append({
                "book": book, "way": name, "return_pct": 100 * returns.mean() * DAYS_A_YEAR,
                "volatility_pct": 100 * returns.std(ddof=1) * np.sqrt(DAYS_A_YEAR), "sharpe": float(sharpe(returns)),
                "cvar_pct": 100 * risk_of("CVaR", returns), "drawdown_pct": 100 * drawdown(returns), "turnover": turnover,
                "cost_pct": 100 * cost, "sharpe_gap": float(sharpe(returns) - sharpe(base[0])), "low": float(low),
                "high": float(high), "months": months_better(universe, returns, base[0], first), **told,
            })  # fmt: skip
    return rows


def tell(rows: list[dict[str, Any]]) -> None:
    print(f"{'book':6}{'way':15}{'ret %':>7}{'vol %':>7}{'sharpe':>8}{'CVaR %':>8}{'dd %':>7}{'turn':>7}{'cost %':>8}"
          f"  {'sharpe - equal [95 %]':24}{'months':>8}{'instead':>9}{'unsolved':>9}{'s':>6}")  # fmt: skip
    for row in rows:
        interval = f"{row['sharpe_gap']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"
        print(f"{row['book']:6}{row['way']:15}{row['return_pct']:7.2f}{row['volatility_pct']:7.2f}{row['sharpe']:8.2f}"
              f"{row['cvar_pct']:8.2f}{row['drawdown_pct']:7.1f}{row['turnover']:7.1f}{row['cost_pct']:8.3f}  {interval:24}"
              f"{row['months']:>8}{row.get('least_risk_instead', ''):>9}{row.get('unsolved', ''):>9}"
              f"{row.get('seconds', 0.0):6.1f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--max-weight", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    try:
        rows = measure(read(asked.folder), asked.max_weight, asked.seed)
    except MissingError as error:
        sys.exit(str(error))
    print(json.dumps(rows)) if asked.json else tell(rows)


if __name__ == "__main__":
    main()
