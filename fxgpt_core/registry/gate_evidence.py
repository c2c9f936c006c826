"""What the gate board judges: the numbers of a parameter set, as records."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

from fxgpt_core.errors import BadInputError

LUCK_TESTS: Final = ("deflated_sharpe", "overfitting", "superior_ability", "track_record", "sharpe_at_5")
"""The tests of luck that the board judges, in its order."""


@dataclass(frozen=True)
class CoverageEvidence:
    """Coverage of one nominal level on unseen candles: `low` and `high` are its binomial band at `n_eff` independent cases."""

    nominal: float
    observed: float
    low: float
    high: float
    n_eff: float


@dataclass(frozen=True)
class LuckEvidence:
    """One test of luck: `value` must be `comparison` `limit`; NaN where it could not be judged."""

    test: str
    value: float
    comparison: str
    limit: float


@dataclass(frozen=True)
class StressEvidence:
    """Of synthetic shocks to the proposed set, and of crises: how many shocks could be judged, and the least kept through any.

    `kept_pct`: the lowest equity in percent of that before, in the stress `worst`; 0 where nothing was judged.
    """

    n_shocks: int = 0
    kept_pct: float = 0.0
    worst: str = ""


@dataclass(frozen=True)
class FoldEvidence:
    """Of the folds whose test window tells something: how many, and the share with a Sharpe ratio above 0; NaN of none."""

    n_measured: int = 0
    positive: float = math.nan


@dataclass(frozen=True)
class Evidence:
    """The numbers the board judges.

    `luck`: a row for each of `LUCK_TESTS`, of the stitched out-of-sample returns and of the search; `not_judged` says why they
    could not judge. `n_trials`: trials ever made. `in_sample_sharpe`: mean annual Sharpe ratio of the folds' winners on their
    train windows, of the folds that traded there; `out_of_sample_sharpe`: annual, of the stitched test windows. `n_trades`:
    closed trades there; `n_proposed_trades`: closed trades of the proposed set itself on the latest train window.
    `net_profit_cost_x1_5`, `_x2`, `_x3`: money earned on the test windows at so many times the costs; the last one is told and
    judges nothing. `folds`: how many of them earned. `late_sharpe_at_5`: 5th percentile of the annual Sharpe ratio of the test
    windows when entries come late. `coverage`: one row for each nominal coverage that
    is judged. Of a day: `sharpe_per_period`, what was shown out of sample, `lucky_sharpe`, the best that so many worthless
    trials would show, and `dispersion`, the standard deviation of the Sharpe ratios of all trials, which no gate judges.
    `stress`: what was kept through shocks and crises.
    Raises `BadInputError` without a row of luck.
    """

    luck: tuple[LuckEvidence, ...]
    n_trials: int
    in_sample_sharpe: float
    out_of_sample_sharpe: float
    n_trades: int
    n_proposed_trades: int
    net_profit_cost_x2: float
    coverage: tuple[CoverageEvidence, ...]
    sharpe_per_period: float = 0.0
    lucky_sharpe: float = 0.0
    dispersion: float = 0.0
    not_judged: str = ""
    stress: StressEvidence = StressEvidence()
    net_profit_cost_x1_5: float = math.nan
    net_profit_cost_x3: float = math.nan
    folds: FoldEvidence = FoldEvidence()
    late_sharpe_at_5: float = math.nan

    def __post_init__(self) -> None:
        found = tuple(row.test for row in self.luck)
        if found != LUCK_TESTS:
            raise BadInputError(
                f"evidence of the tests of luck {found} found; the board judges {LUCK_TESTS}, in this order; give all"
            )

    def to_json(self) -> dict[str, Any]:
        """Every field; a number that is not known as null."""
        record: dict[str, Any] = _known(asdict(self))
        return record


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _known(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
