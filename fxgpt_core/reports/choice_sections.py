"""The sections that show what would be traded: the proposed set, regime by regime, and beside what is deployed."""

from collections.abc import Mapping
from typing import Any

from fxgpt_core.optimization.contest import Change, Contender, Contest
from fxgpt_core.performance.report import Report
from fxgpt_core.regimes.regime import GLOBAL
from fxgpt_core.reports.evidence_sections import SHOWN_HASH
from fxgpt_core.reports.number_text import UNKNOWN, count, held, money, percent, percent_points, ratio, short
from fxgpt_core.reports.optimization import OptimizationReport, RegimeNumbers, RegimeRow
from fxgpt_core.reports.section import Row, Section, Table, Tone
from fxgpt_core.strategy.definitions import ParameterDefinition
from fxgpt_core.strategy.parameters import definitions

SET_HEADS = ("parameter", "proposed", "default", "searched", "group")
REGIME_HEADS = (
    *("regime", "traded with", "set", "trades", "Sharpe ratio", "drawdown"),
    *("global: trades", "global: Sharpe ratio", "global: drawdown", "why"),
)
CHANGE_HEADS = ("parameter", "champion", "challenger", "default")
NUMBER_HEADS = ("measure", "champion", "challenger")
FOLD_HEADS = ("fold", "champion's Sharpe ratio", "challenger's", "won by")

UNMATCHED = (
    "Nothing is deployed for this symbol and timeframe but what was found, or the run could not be played again, or sets by "
    "regime are deployed and the run knows no regimes."
)


def proposed(report: OptimizationReport) -> Section:
    """The proposed set: what it changes, and what it leaves at the default."""
    changed = [each for each in definitions() if report.proposed and report.proposed[each.name] != each.default]
    kept = len(definitions()) - len(changed)
    rows = tuple(_parameter(each, report.proposed) for each in changed)
    return Section(
        "Proposed parameters",
        f"What the last search proposes, where it is not the default; the other {kept} parameters are at theirs. It has seen "
        "every candle of its window, so that its own numbers prove nothing.",
        (Table(SET_HEADS, rows, words=SET_HEADS),) if rows else (),
        absent=_no_change(report, rows),
    )


def regimes(report: OptimizationReport) -> Section:
    """What trades in which regime."""
    return Section(
        "Regimes",
        "Which set trades in which regime. A regime that showed too little falls back to the global set, and says why. Numbers "
        "are out of sample, of the trades decided in that regime: by the sets of the regimes, and by the global set alone.",
        (Table(REGIME_HEADS, tuple(map(_regime, report.regimes)), words=("regime", "traded with", "set", "why")),)
        if report.regimes
        else (),
        absent="" if report.regimes else "This run searched one set for all regimes.",
    )


def champion(report: OptimizationReport) -> Section:
    """What is deployed beside what was found."""
    found = report.contest
    return Section(
        "Champion and challenger",
        "The champion is what is deployed, the challenger what this run found, each with its sets by regime where it has any. "
        "Both were played on the folds' test windows, one account through all of them: the challenger as its folds chose, on "
        "what they had not seen; the champion as it is, and it may have seen some of these candles in its own search, so that "
        "the comparison favours it.",
        () if found is None else (_numbers(found), _folds(found), _changes(found)),
        absent="" if found else UNMATCHED,
    )


def _no_change(report: OptimizationReport, rows: tuple[Row, ...]) -> str:
    if not report.proposed:
        return "The run has not come to its end and proposes nothing."
    return "" if rows else "The proposed set is the default set."


def _parameter(each: ParameterDefinition, values: Mapping[str, Any]) -> Row:
    searched = f"{_value(each.low)} to {_value(each.high)}" if each.low is not None else ", ".join(map(_value, each.choices))
    cells = (each.name, _value(values[each.name]), _value(each.default), searched or "yes, no", each.about.group)
    return Row(cells)


def _regime(row: RegimeRow) -> Row:
    source = "its own" if row.own else "the global set"
    numbers = (*_played(row.by_regime), *_played(row.by_global))
    cells = (row.regime, source, row.parameters_sha256[:SHOWN_HASH], *numbers, row.reason)
    return Row(cells, Tone.PLAIN if row.own else Tone.BAD)


def _played(found: RegimeNumbers | None) -> tuple[str, ...]:
    if found is None:
        return (UNKNOWN,) * 3
    if not found.trades:
        return (count(0), UNKNOWN, UNKNOWN)
    return count(found.trades), held(found.sharpe), percent_points(found.drawdown_pct)


def _numbers(found: Contest) -> Table:
    sides = (found.champion, found.challenger)
    told = [_told(side) for side in sides]
    rows = tuple(Row((name, *(values[name] for values in told))) for name in told[0])
    return Table(NUMBER_HEADS, rows, words=NUMBER_HEADS[:1], title="Out of sample")


def _told(side: Contender) -> dict[str, str]:
    measured: Report = side.measured
    month, worst = side.worst_month
    return {
        "Sharpe ratio": held(measured.metrics.sharpe_ratio),
        "return": percent_points(measured.metrics.total_return_pct),
        "deepest drawdown": percent_points(measured.metrics.max_drawdown_pct),
        "profit factor": held(measured.metrics.profit_factor),
        "trades": count(measured.metrics.total_trades),
        "costs": money(measured.costs.total),
        "costs of gross profit": percent(measured.metrics.cost_ratio),
        "turnover a year": ratio(measured.exposure.turnover),
        "worst month": f"{percent(worst)} ({month})",
    }


def _folds(found: Contest) -> Table:
    pairs = zip(found.champion.sharpes, found.challenger.sharpes, strict=True)
    rows = tuple(_fold(fold, old, new) for fold, (old, new) in enumerate(pairs))
    title = f"Folds: the challenger won {found.folds_won} of {len(rows)}"
    return Table(FOLD_HEADS, rows, words=("won by",), title=title)


def _named(each: Change) -> str:
    return each.parameter if each.set_name == GLOBAL else f"{each.parameter}, {each.set_name}"


def _fold(fold: int, old: float | None, new: float | None) -> Row:
    cells = (str(fold), UNKNOWN if old is None else held(old), UNKNOWN if new is None else held(new))
    if new is None and old is None:
        return Row((*cells, "none"))
    challenged = new is not None and (old is None or new > old)
    return Row((*cells, "challenger" if challenged else "champion"), Tone.GOOD if challenged else Tone.PLAIN)


def _changes(found: Contest) -> Table:
    default = {each.name: each.default for each in definitions()}
    rows = tuple(
        Row((_named(each), _value(each.old), _value(each.new), _value(default[each.parameter]))) for each in found.changed
    )
    return Table(CHANGE_HEADS, rows, words=CHANGE_HEADS, title=f"Parameters that differ: {len(rows)} of {len(default)}")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return short(value)
    return str(value)
