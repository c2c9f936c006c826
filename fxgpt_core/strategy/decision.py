"""The one decision function of backtest, paper and live: what would be done at each candle's close, and why.

It is elementwise and has no state: row i of the result depends on row i of the view only. See docs/decisions/0003 and 0030.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.context.market_context import unknown_context
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.rows import Rows
from fxgpt_core.portfolio.sizing import Conditions, SizingParameters, risk_fraction
from fxgpt_core.regimes.regime import UNKNOWN
from fxgpt_core.strategy.components import record_of
from fxgpt_core.strategy.filters import (
    NOT_REFUSED,
    FilterAnswers,
    FilterParameters,
    SentimentFilterParameters,
    VixFilterParameters,
    filter_answers,
)
from fxgpt_core.strategy.odds import Odds, odds
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.reasons import ANOMALY, NO_CAPITAL, NO_EDGE, REASONS
from fxgpt_core.strategy.view import MarketView
from fxgpt_core.strategy.volume_measures import VolumeFilterParameters, unknown_measures
from fxgpt_core.strategy.wishes import Codes, Wishes, side_of, wishes

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FILTERS: Final = ("vix", "sentiment", "volume")


@dataclass(frozen=True)
class Decision:
    """One row: `side` 1, 0 or -1; distances in quote currency and risk as a fraction of equity (None if side is 0)."""

    known_at_us: int
    side: int
    stop_distance: float | None
    target_distance: float | None
    risk_fraction: float | None
    reason: str
    numbers: Mapping[str, float | None]

    @property
    def neutral(self) -> tuple[str, ...]:
        """What is on and had nothing to say here, for want of its series: it neither refused nor changed the size."""
        silent = [name for name in FILTERS if self.numbers.get(f"{name}_neutral") == 1.0]
        unknown = [name for name in ("regime", "anomaly") if self.numbers.get(name, 0.0) is None]
        return (*unknown, *silent)

    def to_json(self) -> dict[str, object]:
        """Every number of the decision, unknown ones as null, and what was neutral."""
        return {
            "known_at_us": self.known_at_us,
            "side": self.side,
            "stop_distance": self.stop_distance,
            "target_distance": self.target_distance,
            "risk_fraction": self.risk_fraction,
            "reason": self.reason,
            "numbers": dict(self.numbers),
            "neutral": list(self.neutral),
        }


@dataclass(frozen=True, eq=False)
class Decisions:
    """N decisions: `side` int8 (1, 0, -1), distances from the close in quote currency and `risk_fraction` of equity (NaN if 0).

    `reason` int8 codes of `REASONS`; `numbers` are the float64[N] columns that led to the decision, by name.
    """

    known_at_us: IntArray
    side: npt.NDArray[np.int8]
    stop_distance: FloatArray
    target_distance: FloatArray
    risk_fraction: FloatArray
    reason: npt.NDArray[np.int8]
    numbers: Mapping[str, FloatArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.known_at_us)

    def slice(self, start: int, stop: int) -> "Decisions":
        """The decisions [start, stop)."""
        return self.select(slice(start, stop))

    def select(self, rows: Rows) -> "Decisions":
        """Some of the decisions."""
        return Decisions(
            known_at_us=self.known_at_us[rows],
            side=self.side[rows],
            stop_distance=self.stop_distance[rows],
            target_distance=self.target_distance[rows],
            risk_fraction=self.risk_fraction[rows],
            reason=self.reason[rows],
            numbers={name: column[rows] for name, column in self.numbers.items()},
        )

    def row(self, i: int) -> Decision:
        """Decision `i` (negative counts from the end) as a record. Raises `BadInputError` beyond the rows."""
        if not -len(self) <= i < len(self):
            raise BadInputError(f"decision {i} of {len(self)} does not exist; count from {-len(self)} to {len(self) - 1}")
        return Decision(
            known_at_us=int(self.known_at_us[i]),
            side=int(self.side[i]),
            stop_distance=_known(self.stop_distance[i]),
            target_distance=_known(self.target_distance[i]),
            risk_fraction=_known(self.risk_fraction[i]),
            reason=REASONS[int(self.reason[i])],
            numbers={name: _known(column[i]) for name, column in self.numbers.items()},
        )

    def reason_counts(self) -> dict[str, int]:
        """How often each reason was given."""
        return {text: int((self.reason == code).sum()) for code, text in enumerate(REASONS)}


def decide(view: MarketView, parameters: StrategyParameters, costs: Costs) -> Decisions:
    """The decision at every row of the view, the same alone and among others.

    A wish of the forecast, or of a pattern where the forecast has no side (`wishes`), is refused by an anomaly, by a market
    filter, by a sizing method that sees no edge, and where no capital is allocated. What is left risks what `portfolio.sizing`
    says. `optimization.entries` makes of the same parts what a search plays, and no more.
    """
    sizing = record_of(SizingParameters, parameters, "sizing_")
    wished = wishes(view, parameters, costs)
    answers = _answers(view, wished, parameters)
    reason = _refused(view, wished, answers)
    found = odds(view, wished, costs)
    risk = risk_fraction(found.edge, _conditions(view, wished, answers), sizing)
    reason[(side_of(reason) != 0) & ~(risk > 0.0)] = NO_EDGE
    side = side_of(reason)
    wanted = side != 0
    return Decisions(
        known_at_us=view.known_at_us,
        side=side,
        stop_distance=np.where(wanted, wished.stop, np.nan),
        target_distance=np.where(wanted, wished.target, np.nan),
        risk_fraction=np.where(wanted, risk, np.nan),
        reason=reason,
        numbers=_numbers(view, wished, found, costs) | _numbers_of_filters(view, answers),
    )


def _answers(view: MarketView, wished: Wishes, parameters: StrategyParameters) -> FilterAnswers:
    """What the market filters say; where their series are not there at all, they are as neutral as where a value is missing."""
    filters = FilterParameters(
        vix=record_of(VixFilterParameters, parameters, "filter_vix_"),
        sentiment=record_of(SentimentFilterParameters, parameters, "filter_sentiment_"),
        volume=record_of(VolumeFilterParameters, parameters, "filter_volume_"),
    )
    context = unknown_context(len(view)) if view.context is None else view.context
    volume = unknown_measures(len(view)) if view.volume is None else view.volume
    return filter_answers(wished.side, context, volume, filters)


def _conditions(view: MarketView, wished: Wishes, answers: FilterAnswers) -> Conditions:
    usual = np.where(view.atr > 0.0, view.slow_atr, np.nan) / np.where(view.atr > 0.0, view.atr, np.nan)
    return Conditions(
        certainty=wished.certainty,
        usual_volatility=usual,
        regime=view.regime,
        vix=answers.vix.factor,
        sentiment=answers.sentiment.factor,
        allocation=view.capital,
    )


def _refused(view: MarketView, wished: Wishes, answers: FilterAnswers) -> Codes:
    """The reasons of the wishes, with those refused whatever their edge; of several refusals the last one here is told."""
    reason, wants = wished.reason.copy(), wished.side != 0
    refused = wants & (answers.refusal != NOT_REFUSED)
    reason[refused] = answers.refusal[refused]
    if view.anomaly is not None:
        reason[wants & (view.anomaly > 1.0)] = ANOMALY
    if view.capital is not None:
        reason[wants & (view.capital <= 0.0)] = NO_CAPITAL
    return reason


def _numbers(view: MarketView, wished: Wishes, found: Odds, costs: Costs) -> dict[str, FloatArray]:
    numbers = {
        "close": view.close,
        "atr": view.atr,
        "slow_atr": view.slow_atr,
        "median": view.median,
        "lower": view.lower,
        "upper": view.upper,
        "scale": view.scale,
        "median_move": wished.move,
        "excess_uncertainty": wished.excess,
        "round_trip_cost": np.full(len(view), costs.round_trip),
        "certainty": wished.certainty,
        "pattern_led": wished.led.astype(np.float64),
        "p_bull": found.scenarios.bull,
        "p_bear": found.scenarios.bear,
        "p_target": found.scenarios.target_met,
        "p_stop": found.scenarios.stop_met,
    }
    return numbers | _numbers_of_components(view)


def _numbers_of_components(view: MarketView) -> dict[str, FloatArray]:
    """What the components say; one that is not there gives no number, and one that does not know gives NaN, which is neutral."""
    numbers: dict[str, FloatArray] = {}
    if view.regime is not None:
        numbers["regime"] = np.where(view.regime == UNKNOWN, np.nan, view.regime.astype(np.float64))
    if view.pattern is not None:
        names = ("side", "confidence", "kind", "age", "stop_distance", "target_distance")
        there = view.pattern.side != 0
        columns = {f"pattern_{name}": getattr(view.pattern, name).astype(np.float64) for name in names}
        numbers |= {name: np.where(there, values, np.nan) for name, values in columns.items()}
    optional = {"anomaly": view.anomaly, "capital": view.capital}
    return numbers | {name: values for name, values in optional.items() if values is not None}


def _numbers_of_filters(view: MarketView, answers: FilterAnswers) -> dict[str, FloatArray]:
    """What the filters read, where it is there, and 1 where a filter is on and lacks its series."""
    numbers = {f"{name}_neutral": getattr(answers, name).neutral.astype(np.float64) for name in FILTERS}
    for read in (view.context, view.volume):
        if read is not None:
            numbers |= {item.name: getattr(read, item.name) for item in fields(read)}
    return numbers


def _known(value: np.float64) -> float | None:
    return float(value) if math.isfinite(value) else None
