"""How often the tests of luck let worthless strategies through, and how often those that have an edge.

    python -m benchmarks.gate_calibration
    python -m benchmarks.gate_calibration --searches 50 --table-searches 10 --json

A strategy is a search: 200 trials of daily returns, of which the best is chosen by its Sharpe ratio, and judged on as many days
that no trial saw, with all trials. Trials share a common factor (correlation 0.5). Noise is drawn as `normal` days, as `clusters`
(GARCH(1,1) volatility that all trials share, Student-t with 5 degrees of freedom) and as `persistent`, clusters with an
autocorrelation of 0.1. An edge is a true annual Sharpe ratio that a share of the trials have, before and after the choice.
Told are the shares of searches that pass all tests, all but the deflated Sharpe ratio, and each of them, and the annual Sharpe
ratio that luck alone would show.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.performance.bootstrap import block_length, sharpe_ratios
from fxgpt_core.performance.daily import WEEKDAYS_A_YEAR
from fxgpt_core.performance.luck import Luck, LuckParameters, luck
from fxgpt_core.performance.trials import Trials, luck_variance

FloatArray = npt.NDArray[np.float64]

TRIALS: Final = 200
CORRELATION: Final = 0.5
SOME: Final = 0.1
RESAMPLES: Final = 1_000
DAILY_DEVIATION: Final = 0.005
ALPHA, BETA, FREEDOM, SETTLED = 0.08, 0.9, 5, 500
AUTOCORRELATION: Final = 0.1


@dataclass(frozen=True)
class Case:
    """Searches of one kind: noise, years before the choice and as many after, true annual Sharpe ratio of a share of the trials.

    `kept`: how many trials, the best ones, the tests are shown. `measured`: does the variance of all trials' Sharpe ratios, edges
    included, deflate the Sharpe ratio, and not the variance that luck alone gives them?
    """

    kind: str
    years: float
    edge: float = 0.0
    share: float = SOME
    kept: int = TRIALS
    measured: bool = False


NOISE: Final = (Case("normal", 4), Case("clusters", 4), Case("persistent", 4))
PLANTED: Final = (Case("clusters", 4, 3.0), Case("clusters", 8, 2.0))
MEASURED: Final = (Case("clusters", 4, 3.0, measured=True), Case("clusters", 8, 2.0, measured=True))
TABLE: Final = tuple(
    case for years in (2, 4, 8) for edge in (1.0, 2.0, 3.0, 4.0) if (case := Case("clusters", years, edge)) not in PLANTED
)
TRAPS: Final = (
    Case("clusters", 4, 3.0, share=0.01, measured=True),
    Case("clusters", 8, 4.0, measured=True),
    Case("clusters", 4, 3.0, share=1.0),
    Case("clusters", 4, kept=10),
)

SHARES: Final = ("passed", "undeflated", "deflated_sharpe", "overfitting", "superior_ability", "track_record", "sharpe_at_5")
HEADER: Final = "      kind years edge share kept measured    n  passed   undef     dsr     pbo     spa   track sharpe5  lucky"


def rates(case: Case, searches: int, seed: int) -> dict[str, Any]:
    """The shares of so many searches that pass all tests, all but the deflated Sharpe ratio, and each; the mean of luck."""
    judged = [judge(case, np.random.default_rng([seed, number])) for number in range(searches)]
    verdicts = {name: np.array([one.verdicts[name] for one in judged]) for name in judged[0].verdicts}
    others = [passed for name, passed in verdicts.items() if name != "deflated_sharpe"]
    shares = {"passed": [one.passed for one in judged], "undeflated": np.all(others, axis=0)} | verdicts
    lucky = float(np.mean([one.lucky_sharpe for one in judged])) * WEEKDAYS_A_YEAR**0.5
    return (
        asdict(case) | {"searches": searches} | {name: float(np.mean(share)) for name, share in shares.items()} | {"lucky": lucky}
    )


def judge(case: Case, rng: np.random.Generator) -> Luck:
    """One search, its choice, and what the tests say of it."""
    days = round(case.years * WEEKDAYS_A_YEAR)
    returns = trial_returns(case, 2 * days, rng)
    seen, unseen = returns[:days], returns[days:]
    sharpes = sharpe_ratios(seen.T)
    best_first = np.argsort(-sharpes)
    variance = float(np.var(sharpes, ddof=1)) if case.measured else luck_variance(seen, block_length(unseen[:, best_first[0]]))
    trials = Trials(TRIALS, variance, days)
    parameters = LuckParameters(resamples=RESAMPLES)
    return luck(unseen[:, best_first[0]], trials, seen[:, best_first[: case.kept]], parameters, rng)


def trial_returns(case: Case, n: int, rng: np.random.Generator) -> FloatArray:
    """Daily returns [n, 200] of a search; every trial has the same deviation, and some the edge."""
    shared, own = (_shocks(case.kind, shape, rng) for shape in ((n + SETTLED, 1), (n + SETTLED, TRIALS)))
    noise = CORRELATION**0.5 * shared + (1.0 - CORRELATION) ** 0.5 * own
    if case.kind != "normal":
        noise *= _volatility(shared[:, 0])[:, np.newaxis]
    if case.kind == "persistent":
        noise = _persistent(noise)
    edge = np.zeros(TRIALS)
    edge[: round(case.share * TRIALS)] = case.edge / WEEKDAYS_A_YEAR**0.5
    returns: FloatArray = DAILY_DEVIATION * (noise[SETTLED:] + edge)
    return returns


def _shocks(kind: str, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    if kind == "normal":
        return rng.standard_normal(shape)
    shocks: FloatArray = rng.standard_t(FREEDOM, shape) * ((FREEDOM - 2) / FREEDOM) ** 0.5
    return shocks


def _volatility(shocks: FloatArray) -> FloatArray:
    """float64[N]: GARCH(1,1) deviations with a variance of 1 in the long run, driven by shocks float64[N]."""
    variance = np.ones(len(shocks))
    for i in range(1, len(shocks)):
        variance[i] = (1.0 - ALPHA - BETA) + variance[i - 1] * (ALPHA * shocks[i - 1] ** 2 + BETA)
    deviation: FloatArray = np.sqrt(variance)
    return deviation


def _persistent(noise: FloatArray) -> FloatArray:
    """AR(1) of noise [N, K], with its deviation."""
    returns: FloatArray = noise * (1.0 - AUTOCORRELATION**2) ** 0.5
    for i in range(1, len(returns)):
        returns[i] += AUTOCORRELATION * returns[i - 1]
    return returns


def calibration(searches: int, table_searches: int, seed: int) -> dict[str, list[dict[str, Any]]]:
    """`rates` of every case, by what it is there for."""
    counts = {"noise": (NOISE, searches), "planted": (PLANTED, searches)}
    if table_searches:
        counts |= {"measured": (MEASURED, searches), "table": (TABLE, table_searches), "traps": (TRAPS, table_searches)}
    return {name: [rates(case, n, seed) for case in cases] for name, (cases, n) in counts.items()}


def line(row: dict[str, Any]) -> str:
    """One case as a line of `HEADER`'s columns."""
    case = f"{row['kind']:>10} {row['years']:5g} {row['edge']:4g} {row['share']:5g} {row['kept']:4d} {row['measured']!s:>8}"
    shares = " ".join(f"{row[name]:7.3f}" for name in SHARES)
    return f"{case} {row['searches']:4d} {shares} {row['lucky']:6.2f}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", type=int, default=200, help="of each case of noise, and of planted edges")
    parser.add_argument("--table-searches", type=int, default=40, help="of each other case; 0 leaves them out")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.searches < 1 or asked.table_searches < 0:
        parser.error("at least one search is needed, and no negative number of them")
    began = time.process_time()
    found = calibration(asked.searches, asked.table_searches, asked.seed)
    seconds = time.process_time() - began
    if asked.json:
        print(json.dumps(found | {"seconds": seconds}))
        return 0
    for name, rows in found.items():
        print("\n".join([name, HEADER, *(line(row) for row in rows)]))
    print(f"{seconds:.0f} s of one core")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
