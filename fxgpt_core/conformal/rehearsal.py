"""Bands inside a calibration span, as they would have been made there: for what learns from decisions before the test span."""

from typing import Final

import numpy as np

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.conformal.bands import Bands, calibrated_bands
from fxgpt_core.conformal.calibration import CalibrationParameters, fit
from fxgpt_core.conformal.outcomes import outcomes_of
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.validation.folds import Window

LEARNED: Final = 1.0 / 3.0
"""The share of the span's origins that the offsets are first learned from."""
NEVER_STORED: Final = "rehearsed within the calibration span"


def rehearsed_bands(forecasts: Forecasts, candles: CandleArrays, span: Window, parameters: CalibrationParameters) -> Bands:
    """The bands of the last two thirds of a span's origins, each from what was known at it.

    The method learns its first offsets from the first third, with the outcomes known by its end, and an adaptive one learns on
    from there. Raises `BadInputError` for a span with fewer than three forecasts, or a first third whose outcomes are not
    known.
    """
    within = forecasts.select(span.mask(forecasts.known_at_us))
    n_learned = int(len(within) * LEARNED)
    if n_learned < 1:
        raise BadInputError(f"{len(within)} forecasts found in {span}; at least 3 are needed; forecast more of its candles")
    boundary = int(within.known_at_us[n_learned])
    outcomes = outcomes_of(candles.close, candles.known_at_us, within)
    first, later = np.split(np.arange(len(within)), [n_learned])
    known = outcomes.select(first).until(boundary)
    learned = fit(within.select(first), known, parameters, model_sha256=NEVER_STORED, sampling_sha256=NEVER_STORED)
    return calibrated_bands(within.select(later), outcomes.select(later), learned)
