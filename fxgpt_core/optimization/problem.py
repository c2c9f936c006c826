"""What is optimized: one symbol's candles, calibrated bands and costs, and how a parameter set is played on a window."""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fxgpt_core import content_hash
from fxgpt_core.backtest.engine import BacktestAccount, BacktestResult, Trades, backtest, execution_of
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.conformal.bands import Bands
from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.rows import Rows
from fxgpt_core.performance.measures import Metrics, metrics
from fxgpt_core.regimes.regime import GLOBAL, REGIMES, SET_NAMES
from fxgpt_core.strategy.components import NONE, Components
from fxgpt_core.strategy.decision import Decisions, decide
from fxgpt_core.strategy.regime_sets import RegimeSets, Strategy, decided_by_regime, entries_in
from fxgpt_core.strategy.view import lookback_candles, market_view
from fxgpt_core.validation.folds import Window


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A strategy played on one window: the candles [N] of the window, the result on them and its metrics."""

    candles: CandleArrays
    result: BacktestResult
    metrics: Metrics


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything the search needs: `bands` are calibrated, each by what was known at its candle; `components` are of the candles.

    Decisions believe `costs`; what is played pays `paid` if it is given (in mode FX those of each candle), else `costs` too.
    `finer` candles tell which of stop and target came first. `regime`: that in which entries are allowed, "global" for all.
    `code_sha256` names the code that evaluates; a run is resumed only under the same candles, bands, costs and code.
    """

    symbol: str
    candles: CandleArrays
    bands: Bands
    costs: Costs
    account: BacktestAccount = field(default_factory=BacktestAccount)
    code_sha256: str = ""
    paid: Costs | FxCosts | None = None
    finer: CandleArrays | None = None
    components: Components = NONE
    regime: str = GLOBAL

    def only(self, regime: str) -> "Problem":
        """The same problem with entries only at candles of a regime, one of `SET_NAMES`: what the search of a regime evaluates.

        Raises `BadInputError` for another name, `MissingError` where the regimes of the candles are not known.
        """
        if regime not in SET_NAMES:
            raise BadInputError(f"there is no regime {regime!r}; choose one of {', '.join(SET_NAMES)}")
        if regime in REGIMES and self.components.regime is None:
            raise MissingError(
                f"entries in {regime} only are asked for, but no regimes of the candles are there; materialize `regimes` first, "
                "and use it as a component"
            )
        return dataclasses.replace(self, regime=regime)

    def around(self, window: Window) -> "Problem":
        """The problem with the candles of a window and those before it that decisions look back on: played there, it is equal."""
        rows = window.slice(self.candles.known_at_us)
        kept = slice(max(0, rows.start - lookback_candles(self.candles.timeframe)), rows.stop)
        return dataclasses.replace(
            self,
            candles=self.candles.slice(kept.start, kept.stop),
            bands=self.bands.select(window.slice(self.bands.known_at_us)),
            paid=None if self.paid is None else self.paid.select(kept),
            components=self.components.select(kept),
        )

    def decisions(self, parameters: Strategy, window: Window) -> Decisions:
        """The decisions at the candles known within a window; equal, bit for bit, to that part of deciding on the series."""
        rows = window.slice(self.candles.known_at_us)
        known = self.components.regime
        regime = None if known is None else known[rows]
        if isinstance(parameters, RegimeSets):
            return decided_by_regime(parameters, regime, lambda one: self.decisions(one, window))
        start = max(0, rows.start - lookback_candles(self.candles.timeframe))
        candles, components = self.candles.slice(start, rows.stop), self.components.select(slice(start, rows.stop))
        bands = self.bands.select(window.slice(self.bands.known_at_us))
        decided = decide(market_view(candles, bands, parameters, components, rows.start - start), parameters, self.costs)
        return decided if regime is None or self.regime == GLOBAL else entries_in(decided, regime, self.regime)

    def evaluate(
        self,
        parameters: Strategy,
        window: Window,
        *,
        account: BacktestAccount | None = None,
        cost_multiplier: float = 1.0,
    ) -> Evaluation:
        """Play a parameter set, or one by regime, on the candles known within a window, flat at its start and closed at its end.

        `cost_multiplier` makes trading dearer than the decisions believe: the stress of being wrong about costs.
        """
        rows = window.slice(self.candles.known_at_us)
        candles = self.candles.select(rows)
        result = backtest(
            candles,
            self.decisions(parameters, window),
            execution_of(parameters, candles.timeframe),
            self.costs_at(rows).times(cost_multiplier),
            account or self.account,
            finer=self.finer,
        )
        return Evaluation(candles, result, metrics(result, candles))

    def costs_at(self, rows: Rows) -> Costs | FxCosts:
        """What trading costs in some of the candles."""
        return (self.costs if self.paid is None else self.paid).select(rows)

    @property
    def sha256(self) -> str:
        """Content hash of the problem: symbol, candles, bands, components, costs, account and code."""
        owners: dict[str, Any] = {"candles": self.candles, "bands": self.bands, "paid": self.paid, "finer": self.finer}
        known, capital = self.components, self.components.capital
        owners |= {"components": known, "context": known.context, "capital": capital}
        owners["universe"] = capital and capital.universe
        arrays = {
            f"{owner}.{item.name}": _array_sha256(getattr(record, item.name))
            for owner, record in owners.items()
            if record is not None
            for item in dataclasses.fields(record)
            if isinstance(getattr(record, item.name), np.ndarray)
        }
        rest: dict[str, Any] = {
            "symbol": self.symbol,
            "timeframe": str(self.candles.timeframe),
            "costs": dataclasses.asdict(self.costs),
            "account": dataclasses.asdict(self.account),
            "code": self.code_sha256,
        }
        rest["components"] = {"patterns": known.patterns, "fitted": dict(known.fitted)}
        rest["capital"] = capital and [capital.symbol, *capital.universe.names, str(capital.mode)]
        if self.regime != GLOBAL:
            rest["regime"] = self.regime
        if self.paid is not None:
            rest["charges"] = {name: value for name, value in vars(self.paid).items() if isinstance(value, float)}
        return content_hash.of_json({**arrays, **rest})


def joined(parts: Sequence[Evaluation], cash: float) -> Evaluation:
    """Evaluations of successive windows as one: candles, equity and trades one after another; at least one part.

    The parts must be chained, each begun with the equity the one before ended with; `cash` is what the first began with.
    """
    offsets = np.cumsum([0, *(len(part.candles) for part in parts)])
    series = {
        name: np.concatenate([getattr(part.candles, name) for part in parts])
        for name in ("open_time_us", "open", "high", "low", "close", "volume")
    }
    spreads = [part.candles.spread for part in parts]
    known = [spread for spread in spreads if spread is not None]
    spread = np.concatenate(known) if len(known) == len(parts) else None
    candles = CandleArrays(**series, timeframe=parts[0].candles.timeframe, spread=spread)
    columns = {
        item.name: np.concatenate([getattr(part.result.trades, item.name) for part in parts])
        for item in dataclasses.fields(Trades)
    }
    shift = np.concatenate([np.full(len(part.result.trades), offset) for part, offset in zip(parts, offsets, strict=False)])
    for name in ("entry_index", "exit_index"):
        columns[name] = columns[name] + shift.astype(np.int64)
    equity = np.concatenate([part.result.equity for part in parts])
    refused = sum(part.result.refused for part in parts)
    result = BacktestResult(Trades(**columns), equity, cash, parts[0].result.mode, refused)
    return Evaluation(candles, result, metrics(result, candles))


def _array_sha256(array: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> str:
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
