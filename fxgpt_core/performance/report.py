"""Every measure of one backtest in one record."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.performance.benchmark import BesideBenchmark, beside_benchmark
from fxgpt_core.performance.breakdown import Group, by_hour, by_reason, by_session, by_side
from fxgpt_core.performance.cost_parts import CostParts, cost_parts
from fxgpt_core.performance.drawdowns import Drawdowns, drawdowns
from fxgpt_core.performance.exposure import Exposure, exposure
from fxgpt_core.performance.measures import Metrics, metrics
from fxgpt_core.performance.monthly import monthly_returns, yearly_returns
from fxgpt_core.performance.played import Played
from fxgpt_core.performance.risk import Risk, risk
from fxgpt_core.performance.trade_statistics import TradeStatistics, trade_statistics

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ReportParameters:
    """What a report takes beside the run: `risk_free_rate` a fraction a year, `benchmark` float64[P] returns by FX day (none:
    holding the symbol), `conversion` as `exposure` takes it, from quote to account currency (none: they are the same).
    """

    risk_free_rate: float = 0.0
    benchmark: FloatArray | None = None
    conversion: FloatArray | None = None


@dataclass(frozen=True)
class Report:
    """Every measure; breakdowns by name, monthly and yearly returns as fractions."""

    metrics: Metrics
    risk: Risk
    trades: TradeStatistics
    exposure: Exposure
    drawdowns: Drawdowns
    benchmark: BesideBenchmark
    costs: CostParts
    sides: dict[str, Group]
    reasons: dict[str, Group]
    hours: dict[str, Group]
    sessions: dict[str, Group]
    months: dict[str, float]
    years: dict[str, float]

    def to_json(self) -> dict[str, object]:
        """All of it by name."""
        return {name: _plain(part) for name, part in vars(self).items()}


def report(result: Played, candles: CandleArrays, parameters: ReportParameters | None = None) -> Report:
    """Every measure of a backtest over its candles. Raises `BadInputError` as its parts do."""
    chosen = parameters or ReportParameters()
    trades, rate = result.trades, chosen.risk_free_rate
    return Report(
        metrics=metrics(result, candles, risk_free_rate=rate),
        risk=risk(result, candles),
        trades=trade_statistics(trades),
        exposure=exposure(result, candles, chosen.conversion),
        drawdowns=drawdowns(result, candles),
        benchmark=beside_benchmark(result, candles, chosen.benchmark, risk_free_rate=rate),
        costs=cost_parts(trades),
        sides=by_side(trades),
        reasons=by_reason(trades),
        hours=by_hour(trades),
        sessions=by_session(trades),
        months=monthly_returns(result, candles),
        years=yearly_returns(result, candles),
    )


def _plain(part: object) -> object:
    if isinstance(part, dict):
        return {name: _plain(value) for name, value in part.items()}
    return part.to_json() if hasattr(part, "to_json") else part
