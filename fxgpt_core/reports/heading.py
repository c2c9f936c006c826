"""The first section: what was played, by which rules, at which costs, on whose account, from what."""

from collections.abc import Iterator
from datetime import UTC

import numpy as np
import numpy.typing as npt

from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.modes import Mode
from fxgpt_core.reports.contents import BacktestReport
from fxgpt_core.reports.number_text import count, moment, money, percent, short
from fxgpt_core.reports.section import Row, Section, Table

MODES = {
    Mode.PARITY: "PARITY: filled by the rules of backtesting.py 0.6.6, one price and flat costs; for comparison with it, not a "
    "promise of what a broker would have filled",
    Mode.FX: "FX: filled as a broker quotes, bought at the ask and sold at the bid, with slippage, impact, swap and stop-out as "
    "the costs say",
}
READING = "What was played, and on what it rests. Times are UTC; money is in the currency of the account."


def heading(report: BacktestReport) -> Section:
    """The facts of the run."""
    rows = tuple(Row(fact) for fact in _facts(report))
    about = f"{report.heading.about} {READING}".strip()
    return Section(title_of(report), about, (Table(("fact", "value"), rows, words=("fact", "value")),))


def title_of(report: BacktestReport) -> str:
    """The title of the whole report."""
    return f"Backtest of {report.heading.symbol} {report.candles.timeframe}"


def _facts(report: BacktestReport) -> Iterator[tuple[str, str]]:
    head, candles = report.heading, report.candles
    yield "symbol and timeframe", f"{head.symbol} {candles.timeframe}"
    first, last = int(candles.open_time_us[0]), int(candles.known_at_us[-1])
    yield "span", f"{moment(first)} to {moment(last)}, {count(len(candles))} candles"
    yield "parameter set", head.parameters_sha256 or ("each fold its own: see the folds" if report.folds else "not told")
    yield "mode", MODES[report.result.mode]
    yield "costs", costs_text(report.costs)
    yield "account", _account(report)
    yield "ambiguous exits", _ambiguous(report)
    yield "gates", _gates(report)
    yield from head.artifacts.items()
    yield "code", _code(report)
    yield "made at", head.made_at.astimezone(UTC).isoformat(timespec="seconds")


def costs_text(costs: Costs | FxCosts) -> str:
    """The costs in words."""
    if isinstance(costs, Costs):
        return (
            f"spread {short(100.0 * costs.spread)} % of the price, at the entry; "
            f"commission {short(100.0 * costs.commission)} % of the notional, each side"
        )
    parts = [
        f"spread {_span(costs.spread)} in price units",
        f"commission {short(100.0 * costs.commission)} % of the notional and {short(costs.unit_commission)} a unit, each side",
        f"slippage {short(costs.slippage)} × spread",
        f"impact {short(costs.impact)} × spread × √(units / {short(costs.depth)})",
        f"swap of a unit {_span(costs.swap_long)} long and {_span(costs.swap_short)} short, in quote currency (below 0: earned)",
        f"stop-out at a margin level of {percent(costs.stop_out)}" if costs.stop_out else "no stop-out",
        f"one of quote currency is {_span(costs.conversion)} in the account's",
    ]
    return "; ".join(parts)


def _span(values: npt.NDArray[np.float64]) -> str:
    low, middle, high = float(values.min()), float(np.median(values)), float(values.max())
    return short(middle) if low == high else f"{short(middle)} (median, from {short(low)} to {short(high)})"


def _account(report: BacktestReport) -> str:
    result = report.result
    refused = f"; {count(result.refused)} orders were beyond its margin" if result.refused else ""
    return (
        f"began with {money(result.cash)}, ended with {money(result.final_equity)}; leverage {short(report.account.leverage)}:1"
        f"{refused}"
    )


def _ambiguous(report: BacktestReport) -> str:
    trades = report.result.trades
    found = int(trades.ambiguous.sum())
    return (
        f"{count(found)} of {count(len(trades))}: the candle touched stop and target, and the stop was taken" if found else "none"
    )


def _gates(report: BacktestReport) -> str:
    if not report.gates:
        return "not judged yet"
    passed = sum(gate.passed for gate in report.gates)
    return f"{passed} of {len(report.gates)} passed"


def _code(report: BacktestReport) -> str:
    code = report.heading.code
    if code is None:
        return "not told"
    return f"commit {code.commit}" + (f", changed since ({code.dirty_sha256})" if code.dirty_sha256 else "")
