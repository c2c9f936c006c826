"""The public exchange-rate benchmark: eight daily series, and the protocol by which forecasts of them are scored.

Protocol of GluonTS (rolling windows of 30 rows, the first behind row 6070; five of them are the published ones) and its
weighted quantile loss; Salinas et al. 2019 for the sum over the series.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import MissingError

FloatArray = npt.NDArray[np.float64]

FILE = "exchange_rate.txt.gz"
SERIES = ("AUD", "GBP", "CAD", "CHF", "CNY", "JPY", "NZD", "SGD")
FIRST_TEST_ROW = 6071
AHEAD = 30
PUBLISHED_WINDOWS = 5
MORE_WINDOWS = 50
LEVELS = np.arange(1, 10) / 10.0
SUM_LEVELS = np.arange(1, 20) / 20.0


@dataclass(frozen=True, eq=False)
class Rates:
    """`prices` float64[R,8]; `logs` their logarithms."""

    prices: FloatArray
    logs: FloatArray

    def outcome(self, origin: int) -> FloatArray:
        """float64[8,30]: the prices behind the row `origin`."""
        return self.prices[origin + 1 : origin + 1 + AHEAD].T


def read_rates(folder: Path) -> Rates:
    """The rates of `FILE` in a folder or in its subfolder `exchange_rate`. Raises `MissingError`."""
    for path in (folder / FILE, folder / "exchange_rate" / FILE):
        if path.exists():
            with gzip.open(path, "rt") as file:
                prices = np.loadtxt(file, delimiter=",")
            return Rates(prices, np.log(prices))
    raise MissingError(
        f"{FILE} is neither in {folder} nor in its subfolder exchange_rate; get it from the public repository "
        "laiguokun/multivariate-time-series-data (exchange_rate) and name its folder"
    )


def origins(n_windows: int) -> list[int]:
    """The last known row of each window."""
    return [FIRST_TEST_ROW - 1 + AHEAD * window for window in range(n_windows)]


@dataclass(frozen=True, eq=False)
class PriceForecast:
    """One method's forecast of one window: `quantiles` float64[8,30,9] of prices, `sums` float64[30,19] of the sum of all."""

    quantiles: FloatArray
    sums: FloatArray


def forecast_of_paths(paths: FloatArray) -> PriceForecast:
    """The forecast of sampled prices float64[P,8,30]."""
    series, sums = np.quantile(paths, LEVELS, axis=0), np.quantile(paths.sum(axis=1), SUM_LEVELS, axis=0)
    return PriceForecast(np.moveaxis(series, 0, -1), np.moveaxis(sums, 0, -1))


def crps(quantiles: FloatArray, outcome: FloatArray, levels: FloatArray) -> FloatArray:
    """float64[2]: 2·Σ pinball over all steps, averaged over the levels; and Σ |outcome|. Ratio of sums is the score."""
    miss = outcome[..., None] - quantiles
    loss = 2.0 * np.maximum(levels * miss, (levels - 1.0) * miss)
    return np.array([loss.sum() / len(levels), np.abs(outcome).sum()])


@dataclass(frozen=True, eq=False)
class Scores:
    """What `crps` gave for one method in each of W windows: of the `series` and of their `sums`, float64[W,2] each."""

    series: FloatArray
    sums: FloatArray

    def crps(self, n_windows: int) -> float:
        """Weighted quantile loss over the first windows."""
        return _ratio(self.series[:n_windows])

    def crps_sum(self, n_windows: int) -> float:
        """The same of the sum over the series."""
        return _ratio(self.sums[:n_windows])


def _ratio(parts: FloatArray) -> float:
    loss, size = parts.sum(axis=0)
    return float(loss / size)


def scored(forecasts: list[PriceForecast], rates: Rates, rows: list[int]) -> Scores:
    """The scores of a method's forecasts at the rows."""
    series = [crps(one.quantiles, rates.outcome(row), LEVELS) for one, row in zip(forecasts, rows, strict=True)]
    sums = [crps(one.sums, rates.outcome(row).sum(axis=0), SUM_LEVELS) for one, row in zip(forecasts, rows, strict=True)]
    return Scores(np.array(series), np.array(sums))


def paired_difference(ours: Scores, theirs: Scores, n_windows: int, seed: int, draws: int = 10_000) -> tuple[float, float, float]:
    """Difference in CRPS, ours less theirs, and its central 95 % under a bootstrap of whole windows."""
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, n_windows, (draws, n_windows))
    resampled = [one.series[chosen].sum(axis=1) for one in (ours, theirs)]
    differences = resampled[0][:, 0] / resampled[0][:, 1] - resampled[1][:, 0] / resampled[1][:, 1]
    low, high = np.quantile(differences, [0.025, 0.975]).tolist()
    return ours.crps(n_windows) - theirs.crps(n_windows), low, high
