"""The gate board: what a parameter set must show before it may be deployed. Pure: numbers in, verdicts out."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fxgpt_core.registry.gate_evidence import (
    LUCK_TESTS,
    CoverageEvidence,
    Evidence,
    FoldEvidence,
    LuckEvidence,
    StressEvidence,
)

MINIMUM_OUT_OF_SAMPLE_RATIO = 0.7
MINIMUM_TRADES = 30
MINIMUM_PROPOSED_TRADES = 5
MINIMUM_COVERAGE_CASES = 20
MINIMUM_STRESS_SHOCKS = 7
MINIMUM_KEPT_PCT = 80.0
MINIMUM_POSITIVE_FOLDS = 0.55
MINIMUM_LATE_SHARPE_AT_5 = 0.5

_IDLE = (
    "nothing was traded out of sample, so there is nothing to judge: the forecast never promised a move that pays its cost; "
    "look at the model's best_step (0 is a random walk, which promises none), train on more candles or another preset"
)

_WORST = {">=": 0.0, "<=": 1.0, ">": 0.0}
"""What a number that is not known counts as, by its comparison; those with an upper limit are probabilities."""

_LUCK_REMEDIES = {
    "deflated_sharpe": "{n_trials} worthless trials would show a Sharpe of {lucky_sharpe:.3f} a day, this one shows "
    "{sharpe_per_period:.3f}: it can be luck; bring more candles (a longer test span) or a better forecast",
    "overfitting": "the trial that is best on some days is often worse than most on the others, so that choosing the best means "
    "little (nor does it where all trials earn alike): search fewer parameters, or lengthen the train window",
    "superior_ability": "as many worthless trials would often show one as good as the best of this search, so that staying out "
    "may be as good; bring more candles, a forecast that knows more, or a cheaper broker",
    "track_record": "the test windows are too short to tell a Sharpe of {sharpe_per_period:.3f} a day from none: test on more "
    "candles; a track record cannot be made longer by more trials",
    "sharpe_at_5": "had such days come otherwise, hardly anything would remain of the Sharpe: test on more candles, or make the "
    "days more alike (sizing_method volatility_adjusted takes smaller positions in volatile times)",
}
"""What to do where a test of luck fails, with the fields of the evidence."""

_JUDGE_TRADES = (*LUCK_TESTS, "out_of_sample_ratio", "minimum_trades", "fold_consistency", "late_entries", "cost_x1_5", "cost_x2")


@dataclass(frozen=True)
class GateLimits:
    """The limits of the board that no evidence brings with it."""

    out_of_sample_ratio: float = MINIMUM_OUT_OF_SAMPLE_RATIO
    minimum_trades: int = MINIMUM_TRADES
    proposed_trades: int = MINIMUM_PROPOSED_TRADES
    coverage_cases: int = MINIMUM_COVERAGE_CASES
    stress_shocks: int = MINIMUM_STRESS_SHOCKS
    kept_pct: float = MINIMUM_KEPT_PCT
    positive_folds: float = MINIMUM_POSITIVE_FOLDS
    late_sharpe_at_5: float = MINIMUM_LATE_SHARPE_AT_5


@dataclass(frozen=True)
class GateResult:
    """One verdict: passed when `value` `comparison` `limit` holds; `remedy` says what to do when it does not."""

    gate: str
    value: float
    limit: float
    comparison: str
    passed: bool
    remedy: str


def gate_board(evidence: Evidence, limits: GateLimits | None = None) -> tuple[GateResult, ...]:
    """Every gate's verdict, always all of them and in the same order; a number that is not finite fails its gate."""
    bounds = limits or GateLimits()
    board = (
        *(_luck(row, evidence) for row in evidence.luck),
        _out_of_sample_ratio(evidence, bounds),
        _minimum_trades(evidence, bounds),
        _proposed_trades(evidence, bounds),
        _coverage_cases(evidence, bounds),
        *(gate for row in evidence.coverage for gate in _coverage(row)),
        _fold_consistency(evidence.folds, bounds),
        _late_entries(evidence, bounds),
        _cost("cost_x1_5", evidence.net_profit_cost_x1_5, "by half again"),
        _cost("cost_x2", evidence.net_profit_cost_x2, "twofold"),
        _stress_shocks(evidence.stress, bounds),
        _stress_kept(evidence.stress, bounds),
    )
    return board if evidence.n_trades else tuple(_idle(gate) for gate in board)


def all_passed(board: tuple[GateResult, ...]) -> bool:
    """True when the board is not empty and every gate passed."""
    return bool(board) and all(gate.passed for gate in board)


def advice(failed: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """A line for each remedy of the (gate, remedy) pairs, naming all the gates it is for."""
    gates: dict[str, list[str]] = {}
    for gate, remedy in failed:
        gates.setdefault(remedy, []).append(gate)
    return tuple(f"{', '.join(names)}: {remedy}" for remedy, names in gates.items())


def out_of_sample_ratio(evidence: Evidence) -> float:
    """Out-of-sample over in-sample Sharpe ratio; 0 when in-sample was not positive, since nothing was there to keep."""
    if not evidence.in_sample_sharpe > 0.0:
        return 0.0
    return evidence.out_of_sample_sharpe / evidence.in_sample_sharpe


def _verdict(gate: str, value: float, comparison: str, limit: float, remedy: str) -> GateResult:
    holds = {">=": value >= limit, "<=": value <= limit, ">": value > limit}[comparison]
    finite = math.isfinite(value) and math.isfinite(limit)
    told = value if math.isfinite(value) else _WORST[comparison]
    return GateResult(gate, told, limit, comparison, bool(holds and finite), remedy)


def _idle(gate: GateResult) -> GateResult:
    """The same verdict; a gate that judges trades has no better advice when there were none."""
    return replace(gate, remedy=_IDLE) if gate.gate in _JUDGE_TRADES else gate


def _luck(row: LuckEvidence, evidence: Evidence) -> GateResult:
    remedy = f"not judged: {evidence.not_judged}" if evidence.not_judged else _LUCK_REMEDIES[row.test].format(**vars(evidence))
    return _verdict(row.test, row.value, row.comparison, row.limit, remedy)


def _out_of_sample_ratio(evidence: Evidence, limits: GateLimits) -> GateResult:
    return _verdict(
        "out_of_sample_ratio",
        out_of_sample_ratio(evidence),
        ">=",
        limits.out_of_sample_ratio,
        f"Sharpe falls from {evidence.in_sample_sharpe:.2f} on train to {evidence.out_of_sample_sharpe:.2f} on test windows: "
        "the search fits noise; search fewer parameters or trials, lengthen the train window, or improve the forecast",
    )


def _minimum_trades(evidence: Evidence, limits: GateLimits) -> GateResult:
    return _verdict(
        "minimum_trades",
        float(evidence.n_trades),
        ">=",
        float(limits.minimum_trades),
        "too few out-of-sample trades to judge: add candles, or loosen sssd_uncertainty_threshold and the costs a move must pay",
    )


def _proposed_trades(evidence: Evidence, limits: GateLimits) -> GateResult:
    return _verdict(
        "proposed_trades",
        float(evidence.n_proposed_trades),
        ">=",
        float(limits.proposed_trades),
        "the proposed set hardly trades on the latest train window, and what the folds chose is not what would be deployed: "
        "search with more trials, or wait for a market in which the forecast pays the cost",
    )


def _coverage_cases(evidence: Evidence, limits: GateLimits) -> GateResult:
    """Few independent cases make a binomial band so wide that anything lies within it."""
    return _verdict(
        "coverage_cases",
        min((row.n_eff for row in evidence.coverage), default=0.0),
        ">=",
        float(limits.coverage_cases),
        "too few independent outcomes to judge the bands: add candles to the test span, or trade a shorter horizon, and "
        "materialize walk_forward_validation again",
    )


def _coverage(row: CoverageEvidence) -> tuple[GateResult, GateResult]:
    name = f"coverage_{round(row.nominal * 100)}"
    about = f"nominal {row.nominal:.0%}, about {row.n_eff:.0f} independent cases"
    return (
        _verdict(
            f"{name}_not_below",
            row.observed,
            ">=",
            row.low,
            f"bands are too narrow ({about}): calibrate again on a later or longer span, or train the model again",
        ),
        _verdict(
            f"{name}_not_above",
            row.observed,
            "<=",
            row.high,
            f"bands are too wide ({about}): calibrate again on a later or longer span, or train the model again",
        ),
    )


def _fold_consistency(folds: FoldEvidence, limits: GateLimits) -> GateResult:
    return _verdict(
        "fold_consistency",
        folds.positive,
        ">=",
        limits.positive_folds,
        f"of {folds.n_measured} test windows that were measured too few earn, so that a few good ones pay for all: test on more "
        "folds (max_folds, more candles), or bring a forecast that knows something throughout",
    )


def _late_entries(evidence: Evidence, limits: GateLimits) -> GateResult:
    return _verdict(
        "late_entries",
        evidence.late_sharpe_at_5,
        ">",
        limits.late_sharpe_at_5,
        "hardly anything remains of the Sharpe when entries come up to three candles late: search longer horizons, or wider "
        "stops and targets, so that the moment of an entry matters less",
    )


def _cost(gate: str, net_profit: float, how: str) -> GateResult:
    return _verdict(
        gate,
        net_profit,
        ">",
        0.0,
        f"the edge does not survive costs that rise {how}: trade longer horizons, ask for larger moves, or find a cheaper broker",
    )


def _stress_shocks(stress: StressEvidence, limits: GateLimits) -> GateResult:
    """A strategy that held nothing where a shock could be put has survived none."""
    return _verdict(
        "stress_shocks",
        float(stress.n_shocks),
        ">=",
        float(limits.stress_shocks),
        "a shock is put where the proposed set holds a position, 20 FX days behind the first candle and 14 days before the last "
        "of the test span, and there was no such place: add candles, or search with more trials for a set that trades",
    )


def _stress_kept(stress: StressEvidence, limits: GateLimits) -> GateResult:
    lost = (
        f"the account kept {stress.kept_pct:.1f} % through {stress.worst}: risk less of it in a trade (sizing_base_risk_pct), "
        "or set stops further away, since units are risk over the distance of the stop; `fxgpt stress` tells the rest"
    )
    return _verdict(
        "stress_kept",
        stress.kept_pct,
        ">=",
        limits.kept_pct,
        lost if stress.worst else "neither a crisis nor a shock could be judged, so nothing shows that the account would last",
    )
