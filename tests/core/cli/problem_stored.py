"""A ledger and lake that hold candles, a stand-in for a model, forecasts and their calibration."""

from datetime import timedelta
from statistics import NormalDist

import numpy as np
import polars as pl

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.conformal.calibration import fit
from fxgpt_core.conformal.outcomes import outcomes_of
from fxgpt_core.forecasts.forecast import LEVELS, Forecasts
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.settings import read_settings
from fxgpt_core.validation.spans import SpanParameters, split_spans

PLACE = ("--symbol", "EURUSD", "--timeframe", "1h")
MODEL = b"not a network: the backtest checks its bytes and reads its spans"
HASHES = {"model_sha256": "m" * 64, "sampling_sha256": "s" * 64}
PUSH = 0.8
STEPS = np.arange(1, 25, dtype=np.int32)


def keep_problem(later=timedelta()):
    """The sample's candles, all of them `later`, and what a backtest rests on besides; the artifacts by asset."""
    frame = SampleProvider().candles("EURUSD", Timeframe.H1).with_columns(pl.col("open_time") + later)
    candles = candle_arrays(frame, Timeframe.H1)
    spans = split_spans(candles.known_at_us, SpanParameters())
    names = ("train", "calibration", "test")
    windows = {name: [getattr(spans, name).start_us, getattr(spans, name).stop_us] for name in names}
    forecasts = _forecasts(candles, np.arange(spans.calibration.slice(candles.known_at_us).start, len(candles)))
    calibrating = forecasts.select(spans.calibration.mask(forecasts.known_at_us))
    calibration = fit(calibrating, outcomes_of(candles.close, candles.known_at_us, calibrating), **HASHES)
    return keep(
        {
            "candles": lambda making: making.write_frame(frame, {}),
            "diffusion_model": lambda making: making.write_bytes(MODEL, "safetensors", {"spans": windows}),
            "forecasts": lambda making: making.write_frame(forecasts.to_frame(), HASHES),
            "calibration_quantiles": lambda making: making.write_bytes(calibration.to_json().encode(), "json", {}),
        }
    )


def keep(writers):
    """Store assets of EURUSD 1h, each by its writer; the artifacts by asset."""
    settings = read_settings()
    ledger = Ledger(settings.ledger_url)
    lake = Lake(settings.lake_root, ledger, CodeIdentity("c" * 40, None, "l" * 64))
    made = {}
    for asset, write in writers.items():
        with lake.making(asset, "EURUSD", "1h", {}, code_sha256="k" * 64, run_id="test") as making:
            made[asset] = write(making)
    ledger.close()
    return made


def _forecasts(candles, origins):
    """Gaussian bands whose median leans up or down, by chance, far enough to pay the costs."""
    deviation = float(np.std(np.diff(np.log(candles.close))))
    scale = np.tile(deviation * np.sqrt(STEPS.astype(float)), (len(origins), 1))
    normal = NormalDist()
    lean = PUSH * np.random.default_rng(3).choice([-1.0, 0.0, 1.0], size=len(origins))
    quantiles = np.array([normal.inv_cdf(level) for level in LEVELS.tolist()])
    values = scale[:, :, None] * (quantiles[None, None, :] + lean[:, None, None])
    return Forecasts("EURUSD", "1h", candles.known_at_us[origins], candles.close[origins], STEPS, LEVELS, values, scale)
