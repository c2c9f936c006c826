"""What the sets by regime earned on unseen windows, regime by regime, beside the global set: for reports and metadata."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.engine import BacktestResult, Trades
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.optimization.outcome import walked_forward
from fxgpt_core.optimization.problem import Evaluation, Problem
from fxgpt_core.performance.measures import Metrics, metrics
from fxgpt_core.regimes.regime import REGIMES, UNKNOWN, regime_name
from fxgpt_core.strategy.regime_sets import RegimeSets
from fxgpt_core.validation.folds import Window

Codes = npt.NDArray[np.int8]
FloatArray = npt.NDArray[np.float64]

SHOWN: Final = ("total_trades", "sharpe_ratio", "max_drawdown_pct", "profit_factor", "total_return_pct")
ALL: Final = "all"


@dataclass(frozen=True)
class RegimeRow:
    """One regime, "unknown", or "all": its `share` of the candles, and the measures of the global set and of the sets by regime.

    Of a regime they are those of an account that closes the trades decided in it, and no others; the total returns of regimes and
    of "unknown" add up to that of "all". `own_folds`: in how many folds it had a set of its own; `reasons`: why not in others.
    """

    regime: str
    share: float
    of_global: Metrics
    of_sets: Metrics
    own_folds: int
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Every number by name."""
        return asdict(self)

    def cells(self) -> dict[str, float | int | str]:
        """The row as a table of few columns shows it: `SHOWN` of both, those of the sets by regime with "_by_regime"."""
        told: dict[str, float | int | str] = {"regime": self.regime, "share": self.share, "own_folds": self.own_folds}
        for name in SHOWN:
            told |= {name: getattr(self.of_global, name), f"{name}_by_regime": getattr(self.of_sets, name)}
        return told


def regime_table(problem: Problem, choices: Sequence[tuple[RegimeSets, Window]]) -> tuple[RegimeRow, ...]:
    """A row for each regime, for candles of none, and for all, over successive test windows played as `walked_forward` does.

    A trade is of the regime that was believed at the close before the candle it was entered in, where an order at the market is
    decided. Raises `MissingError` where the regimes of the candles are not known, `BadInputError` without a window.
    """
    if not choices:
        raise BadInputError("no window was given to compare regimes on; give the sets and test window of at least one fold")
    known = problem.components.regime
    if known is None:
        raise MissingError("no regimes of the candles are there to tell apart; materialize `regimes`, and use it as a component")
    of_sets = walked_forward(problem, choices)
    of_global = walked_forward(problem, [(sets.global_set, window) for sets, window in choices])
    whole = np.concatenate([known[window.slice(problem.candles.known_at_us)] for _, window in choices])
    rows = []
    for code in (*range(len(REGIMES)), UNKNOWN):
        name = regime_name(code)
        usual, own = (_measures_in(each, _regime_of(problem, each.candles, known), code) for each in (of_global, of_sets))
        folds = sum(name in sets.by_regime for sets, _ in choices)
        reasons = dict.fromkeys(sets.reasons[name] for sets, _ in choices if name in sets.reasons)
        rows.append(RegimeRow(name, float((whole == code).mean()), usual, own, folds, tuple(reasons)))
    some = sum(bool(sets.by_regime) for sets, _ in choices)
    return (*rows, RegimeRow(ALL, 1.0, of_global.metrics, of_sets.metrics, some, ()))


def _regime_of(problem: Problem, candles: CandleArrays, known: Codes) -> Codes:
    """Of a walk that went bust the last windows are missing, so that its own candles say which rows are its."""
    regime: Codes = known[np.searchsorted(problem.candles.known_at_us, candles.known_at_us)]
    return regime


def _measures_in(evaluation: Evaluation, regime: Codes, code: int) -> Metrics:
    """Those of the account that closes only the trades which were decided in a regime."""
    result = evaluation.result
    rows = regime[result.trades.entry_index - 1] == code
    trades = Trades(**{item.name: getattr(result.trades, item.name)[rows] for item in fields(Trades)})
    gained = np.bincount(trades.exit_index, trades.profit, minlength=len(result.equity))
    equity = result.cash + np.cumsum(gained, dtype=np.float64)
    return metrics(BacktestResult(trades, equity, result.cash, result.mode), evaluation.candles)
