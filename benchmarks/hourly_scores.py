"""What the hourly benchmark says of one forecaster: scores, differences case by case, coverage before and after calibration."""

from dataclasses import asdict
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.conformal.bands import calibrated_bands
from fxgpt_core.conformal.calibration import CalibrationParameters, fit, method_of
from fxgpt_core.conformal.coverage import CoverageRow, calibrated_band, coverage_table
from fxgpt_core.conformal.outcomes import outcomes_of
from fxgpt_core.forecasts.forecast import Forecasts, realised
from fxgpt_core.forecasts.horizons import horizon_steps
from fxgpt_core.forecasts.paired import paired_difference
from fxgpt_core.forecasts.scores import central_coverage, crps, drawdown, pinball, sign_returns
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.performance.measures import sharpe_of

FloatArray = npt.NDArray[np.float64]

HORIZONS: Final = horizon_steps(Timeframe.H1)
BEFORE, AFTER = "cqr", "tracker"
JUDGED = 0.95
ONE_DAY = 24
"""Shocks come in clusters: even scores of one candle are resampled a day at a time."""
NEVER_DEPLOYED = "a benchmark's own"


def horizon_scores(forecasts: Forecasts, candles: CandleArrays) -> dict[str, dict[str, Any]]:
    """By horizon: CRPS, pinball loss of both tails, raw coverage, and the sign strategy, of the test span."""
    outcome = realised(candles.close, candles.known_at_us, forecasts)
    score, covered = crps(forecasts, outcome), central_coverage(forecasts, outcome)
    found = {}
    for name, step in HORIZONS.items():
        s = int(np.searchsorted(forecasts.steps, step))
        y = outcome[:, s]
        known = np.isfinite(y)
        low, high = (pinball(forecasts.level(level)[known, s], y[known], level).mean() for level in (0.05, 0.95))
        held = sign_returns(forecasts, outcome, _apart(forecasts, candles, step))[:, s]
        held = held[np.isfinite(held)]
        found[name] = {
            "n": int(known.sum()),
            "crps": float(score[known, s].mean()),
            "pinball_05": float(low),
            "pinball_95": float(high),
            "raw_coverage": dict(zip(("50", "80", "95"), covered[s].tolist(), strict=True)),
            "sign_sharpe_a_trade": sharpe_of(held),
            "sign_drawdown": drawdown(held),
        }
    return found


def differences(ours: Forecasts, theirs: Forecasts, candles: CandleArrays, seed: int) -> dict[str, dict[str, Any]]:
    """By horizon: mean CRPS of ours − theirs and its interval, as shares of theirs; below zero is better."""
    outcome = realised(candles.close, candles.known_at_us, ours)
    mine, other = crps(ours, outcome), crps(theirs, outcome)
    found = {}
    for name, step in HORIZONS.items():
        s = int(np.searchsorted(ours.steps, step))
        paired = paired_difference(mine[:, s], other[:, s], _apart(ours, candles, max(step, ONE_DAY)), seed)
        unit = float(np.nanmean(other[:, s]))
        found[name] = {
            "share": paired.mean / unit,
            "low": paired.low / unit,
            "high": paired.high / unit,
            "verdict": paired.verdict,
        }
    return found


def calibrated_coverage(calibration: Forecasts, test: Forecasts, candles: CandleArrays) -> dict[str, dict[str, dict[str, Any]]]:
    """By method and horizon: coverage of 95 % bands calibrated on one span, over the test span, with its verdict."""
    known, ahead = (outcomes_of(candles.close, candles.known_at_us, forecasts) for forecasts in (calibration, test))
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for method in (BEFORE, AFTER):
        parameters = CalibrationParameters(method_of(method, {}), (JUDGED,))
        learned = fit(calibration, known, parameters, model_sha256=NEVER_DEPLOYED, sampling_sha256=NEVER_DEPLOYED)
        rows = coverage_table(calibrated_bands(test, ahead, learned), ahead.realised, (JUDGED,))
        by_step = {row.step: asdict(row) | {"exchangeable": _exchangeable(row, len(calibration))} for row in rows}
        found[method] = {name: by_step[step] for name, step in HORIZONS.items()}
    return found


def _exchangeable(row: CoverageRow, n_calibrated: int) -> bool:
    """Is this what a band shows that so many overlapping forecasts fixed, when the test span is like theirs?"""
    low, high = calibrated_band(n_calibrated // row.step, row.n_eff, row.nominal)
    return low <= row.observed <= high


def _apart(forecasts: Forecasts, candles: CandleArrays, n_candles: int) -> int:
    """How many origins in a row span so many candles, for origins that are every so many candles."""
    rows = np.searchsorted(candles.known_at_us, forecasts.known_at_us)
    return max(1, -(-n_candles // max(1, int(np.median(np.diff(rows))))))
