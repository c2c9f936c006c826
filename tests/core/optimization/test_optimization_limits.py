"""Limits as constraints: how far a trial is from keeping them."""

from dataclasses import replace

import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.evaluator import Measured
from fxgpt_core.optimization.limits import UNTRADED, TrialLimits
from fxgpt_core.performance.measures import Metrics

NAMES = tuple(Metrics.__dataclass_fields__)
GOOD = Metrics(**dict.fromkeys(NAMES, 0) | {"sharpe_ratio": 2.0, "max_drawdown_pct": 5.0, "win_rate": 0.6, "total_trades": 20})
LIMITS = TrialLimits()


def violation(limits: TrialLimits = LIMITS, worst_day_pct: float = 1.0, **changes: float) -> float:
    return limits.violation(Measured(replace(GOOD, **changes), worst_day_pct))


def test_a_trial_within_every_limit_violates_none() -> None:
    assert violation() == 0.0
    assert violation(max_drawdown_pct=15.0, win_rate=0.5, sharpe_ratio=1.0, worst_day_pct=3.0, total_trades=5) == 0.0


@pytest.mark.parametrize(
    ("changes", "expected", "without"),
    [
        ({"max_drawdown_pct": 18.0}, 0.2, "max_drawdown_pct"),
        ({"win_rate": 0.4}, 0.2, "min_win_rate_pct"),
        ({"sharpe_ratio": -0.5}, 1.5, "min_sharpe"),
        ({"worst_day_pct": 4.5}, 0.5, "max_daily_loss_pct"),
    ],
)
def test_each_limit_tells_its_shortfall_and_can_be_left_out(changes: dict, expected: float, without: str) -> None:
    assert violation(**changes) == pytest.approx(expected)
    assert violation(replace(LIMITS, **{without: None}), **changes) == 0.0


def test_shortfalls_add_up() -> None:
    assert violation(max_drawdown_pct=18.0, win_rate=0.4) == pytest.approx(0.4)


def test_too_few_trades_are_further_off_than_any_other_breach_and_the_fewer_the_further() -> None:
    everything = violation(max_drawdown_pct=100.0, win_rate=0.0, worst_day_pct=9.0)
    few = [violation(total_trades=trades) for trades in (4, 2, 0)]
    assert everything < UNTRADED < few[0] < few[1] < few[2] == UNTRADED + 1.0


@pytest.mark.parametrize(
    "wrong", [{"max_drawdown_pct": 0.0}, {"min_win_rate_pct": 101.0}, {"max_daily_loss_pct": -1.0}, {"min_trades": 0}]
)
def test_limits_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(BadInputError, match="limits"):
        TrialLimits(**wrong)
