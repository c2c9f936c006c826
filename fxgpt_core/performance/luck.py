"""Could a chosen strategy be luck? All tests of its unseen returns and of the search it was chosen in, with their limits.

`docs/luck.md` tells what each asks, and how often worthless strategies pass.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.performance.bootstrap import RESAMPLES, Resampling, block_length, cluster_length
from fxgpt_core.performance.clusters import trial_clusters
from fxgpt_core.performance.daily import WEEKDAYS_A_YEAR
from fxgpt_core.performance.monte_carlo import annual_sharpe_percentiles
from fxgpt_core.performance.overfitting import BLOCKS, backtest_overfitting
from fxgpt_core.performance.significance import minimum_track_record, probabilistic_sharpe, sharpe_moments
from fxgpt_core.performance.superior_ability import superior_ability
from fxgpt_core.performance.trials import Trials, effective_trials, lucky_sharpe

FloatArray = npt.NDArray[np.float64]

LEAST_DEFLATED_SHARPE: Final = 0.95
MOST_OVERFITTING: Final = 0.20
MOST_SPA_P_VALUE: Final = 0.05
TRACK_RECORD_CONFIDENCE: Final = 0.95
LEAST_TRACK_RECORD: Final = 1.0
LEAST_SHARPE_AT_5: Final = 0.5
MOST_OTHERS_P_VALUE: Final = 0.05
MOST_ORDERS_P_VALUE: Final = 0.95
MOST_LOSING_CHOICES: Final = 0.05

ASKS: Final = {
    "deflated_sharpe": "Does it beat what the best of as many worthless trials would show? The probability that it does.",
    "overfitting": "Is the trial that is best in one half of the days better than most in the other? How often it is not.",
    "superior_ability": "Is any trial of the search better than staying out? How often worthless ones would look as good.",
    "track_record": "Is it long enough to tell its Sharpe ratio from 0? Its length over the length that needs.",
    "sharpe_at_5": "What annual Sharpe ratio remains when such days come otherwise? That of the worst twentieth of histories.",
}
"""The question of each test of luck, in the order in which they are told, and what its number is."""


@dataclass(frozen=True)
class LuckTest:
    """One test of luck: it passes when `value` `comparison` `limit` holds, which NaN never does; `asks` is its question."""

    name: str
    value: float
    comparison: str
    limit: float
    asks: str

    @property
    def passed(self) -> bool:
        """Whether it holds; a limit that is met exactly does, but for ">"."""
        return {">=": self.value >= self.limit, "<=": self.value <= self.limit, ">": self.value > self.limit}[self.comparison]


@dataclass(frozen=True)
class LuckParameters:
    """Periods a year, for annual numbers; blocks of the past for the probability of overfitting; resamples of each bootstrap."""

    periods_a_year: float = WEEKDAYS_A_YEAR
    n_blocks: int = BLOCKS
    resamples: int = RESAMPLES


@dataclass(frozen=True)
class Luck:
    """What the tests say of a strategy judged on `n_periods` unseen returns.

    `psr`, `dsr`: probabilities that its Sharpe ratio is above 0, and above `lucky_sharpe` (a period), the best of as many
    worthless trials. `effective_trials`: what the search's trials are worth as independent ones, by their mean correlation, and
    `clustered_trials`, by clusters of it (`trial_clusters`). `pbo`: probability of overfitting; `loss_probability`: share of the
    same choices that lose where they were unseen. `spa_p_value`: of "no trial of the search is better than staying out",
    consistent. `minimum_track_record`: periods after which the Sharpe ratio would be above 0 with 95 % confidence, +inf if it is
    not. `sharpe_at_5`: 5th percentile of the annual Sharpe ratio of returns drawn again in blocks. `block`, `cluster_block`: mean
    lengths of the blocks of the p-value and of the percentile, in periods.
    """

    n_periods: int
    psr: float
    dsr: float
    lucky_sharpe: float
    effective_trials: float
    clustered_trials: float
    pbo: float
    loss_probability: float
    spa_p_value: float
    minimum_track_record: float
    sharpe_at_5: float
    block: float
    cluster_block: float

    @property
    def tests(self) -> tuple[LuckTest, ...]:
        """Every test with its number and limit, always all of them and in the same order."""
        held = (
            ("deflated_sharpe", self.dsr, ">=", LEAST_DEFLATED_SHARPE),
            ("overfitting", self.pbo, "<=", MOST_OVERFITTING),
            ("superior_ability", self.spa_p_value, "<=", MOST_SPA_P_VALUE),
            ("track_record", self.n_periods / self.minimum_track_record, ">=", LEAST_TRACK_RECORD),
            ("sharpe_at_5", self.sharpe_at_5, ">", LEAST_SHARPE_AT_5),
        )
        return tuple(LuckTest(*row, asks=ASKS[row[0]]) for row in held)

    @property
    def verdicts(self) -> Mapping[str, bool]:
        """By test, whether it passed."""
        return {test.name: test.passed for test in self.tests}

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return all(self.verdicts.values())

    def to_json(self) -> dict[str, float | None]:
        """Every number by name; one that is not finite, such as the length that no track record reaches, as null."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}


def unjudged(n_periods: int) -> Luck:
    """What is known where `luck` refuses to judge: nothing. Every number is NaN, so that no test passes."""
    return Luck(n_periods, *[math.nan] * (len(fields(Luck)) - 1))


def luck(returns: FloatArray, trials: Trials, searched: FloatArray, parameters: LuckParameters, rng: np.random.Generator) -> Luck:
    """Judge a strategy by its returns [n], which its search never saw, and by that search.

    `trials` are all ever made for the market, `searched` [T, N] the returns of every trial of this search over the same T
    periods, losers too: the best alone seem to be more than luck. Returns are fractions, 0 while out of the market.
    Raises `BadInputError` below 20 returns, below 2 periods a block, below two trials, and for what is not finite.
    """
    means, clusters = (Resampling(length(returns), parameters.resamples) for length in (block_length, cluster_length))
    moments = sharpe_moments(returns)
    benchmark = lucky_sharpe(trials, moments.n)
    overfitting = backtest_overfitting(searched, parameters.n_blocks)
    return Luck(
        n_periods=moments.n,
        psr=probabilistic_sharpe(moments),
        dsr=probabilistic_sharpe(moments, benchmark),
        lucky_sharpe=benchmark,
        effective_trials=effective_trials(searched),
        clustered_trials=float(trial_clusters(searched).n),
        pbo=overfitting.pbo,
        loss_probability=overfitting.loss_probability,
        spa_p_value=superior_ability(searched, means, rng).p_consistent,
        minimum_track_record=minimum_track_record(moments, confidence=TRACK_RECORD_CONFIDENCE),
        sharpe_at_5=annual_sharpe_percentiles(returns, parameters.periods_a_year, clusters, rng).p5,
        block=means.block,
        cluster_block=clusters.block,
    )
