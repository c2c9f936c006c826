"""Eight public daily series with a random walk's forecasts, and how the methods cover them; the folder is not shipped."""

import sys
from pathlib import Path

import numpy as np

from fxgpt_core.conformal.aci import Aci
from fxgpt_core.conformal.bands import Bands, calibrated_bands, raw_bands
from fxgpt_core.conformal.calibration import CalibrationParameters, fit
from fxgpt_core.conformal.method import Method
from fxgpt_core.conformal.mondrian import Mondrian
from fxgpt_core.conformal.outcomes import NEVER, Outcomes
from fxgpt_core.conformal.split import Split
from fxgpt_core.conformal.tracker import Tracker
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.market.timeframes import DAY_US

STEPS = np.array([1, 5, 20], dtype=np.int32)
CALIBRATED, FIRST, STOP = 2000, 3000, 7557
COVERAGE, Z = 0.95, 1.959964
WORST = 250
METHODS: tuple[Method | None, ...] = (None, Split(), Mondrian(), Aci(0.005), Aci(0.02), Tracker())


def closes(folder: Path) -> np.ndarray:
    """float64[7588,8]."""
    return np.loadtxt(folder / "exchange_rate" / "exchange_rate.txt.gz", delimiter=",")


def sigma_of(returns: np.ndarray) -> np.ndarray:
    """The research's volatility: the larger of a fast average and 0.15 of a slow one."""
    fast = slow = float(np.mean(returns[1:51] ** 2))
    found = np.empty(len(returns))
    for t, square in enumerate((returns**2).tolist()):
        fast, slow = 0.97 * fast + 0.03 * square, 0.998 * slow + 0.002 * square
        found[t] = max(fast**0.5, 0.15 * slow**0.5) + 1e-6
    return found


def forecast_of(close: np.ndarray, factor: float = 1.0) -> tuple[Forecasts, Outcomes]:
    """A Gaussian random walk's forecasts of every row, σ times `factor`, and their outcomes; no calendar, so no holes."""
    n, logs = len(close), np.log(close)
    scale = factor * sigma_of(np.diff(logs, prepend=logs[0]))[:, None] * np.sqrt(STEPS)
    known_at = (np.arange(n, dtype=np.int64) + 1) * DAY_US
    ends = np.arange(n)[:, None] + STEPS
    there = ends < n
    ends = np.minimum(ends, n - 1)
    outcomes = Outcomes(np.arange(n), np.where(there, logs[ends] - logs[:, None], np.nan), np.where(there, known_at[ends], NEVER))
    levels = np.array([0.025, 0.5, 0.975])
    values = scale[:, :, None] * np.array([-Z, 0.0, Z])
    return Forecasts("EURUSD", "1d", known_at, close, STEPS, levels, values, scale), outcomes


def bands_of(forecasts: Forecasts, outcomes: Outcomes, method: Method | None) -> Bands:
    """The bands of the rows [FIRST, STOP), calibrated on those from CALIBRATED on; None: as they are forecast."""
    if method is None:
        return raw_bands(forecasts.select(np.arange(FIRST, STOP)), (COVERAGE,))
    before, later = slice(CALIBRATED, FIRST - int(STEPS.max())), slice(FIRST, STOP)
    parameters = CalibrationParameters(method, (COVERAGE,), cap=50.0)
    hashes = {"model_sha256": "m", "sampling_sha256": "s"}
    calibration = fit(forecasts.select(before), outcomes.select(before), parameters, **hashes)
    return calibrated_bands(forecasts.select(later), outcomes.select(later), calibration)


def measured(folder: Path, method: Method | None, factor: float = 1.0) -> np.ndarray:
    """float64[S,4]: coverage, the worst of 250 rows in a row, mean half-width in σ, share of flagged bands; over all series."""
    inside, widths, flagged = [], [], []
    for close in closes(folder).T:
        forecasts, outcomes = forecast_of(close, factor)
        bands = bands_of(forecasts, outcomes, method)
        realised = outcomes.realised[FIRST:STOP]
        inside.append((bands.lower[:, :, 0] <= realised) & (realised <= bands.upper[:, :, 0]))
        widths.append((bands.upper - bands.lower)[:, :, 0] / bands.scale / 2.0)
        flagged.append(bands.uncalibrated[:, :, 0])
    hits = np.array(inside).astype(float)
    windows = np.cumsum(np.concatenate([np.zeros((len(hits), 1, len(STEPS))), hits], axis=1), axis=1)
    worst = ((windows[:, WORST:] - windows[:, :-WORST]) / WORST).min(axis=(0, 1))
    return np.column_stack([hits.mean((0, 1)), worst, np.mean(widths, (0, 1)), np.mean(flagged, (0, 1))])


if __name__ == "__main__":
    for method in METHODS:
        cells = [" / ".join(f"{number:.3f}" for number in row) for row in measured(Path(sys.argv[1]), method)]
        print(f"| {'raw' if method is None else f'{method.name} {method}'} | {' | '.join(cells)} |")
