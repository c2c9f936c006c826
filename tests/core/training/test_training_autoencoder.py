"""Training of an autoencoder: what it learns from, what each parameter moves, and that an interruption changes nothing."""

from dataclasses import replace

import numpy as np
import pytest

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.errors import BadInputError, NotReadyError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.patterns.anomaly_file import anomaly_bytes
from fxgpt_core.training.autoencoder_parameters import AutoencoderParameters, preset
from fxgpt_core.training.autoencoder_training import threshold_of, train_autoencoder
from fxgpt_core.training.autoencoder_windows import autoencoder_windows
from fxgpt_core.training.snapshots import Snapshots
from fxgpt_core.training.surroundings import Surroundings

TINY = replace(preset("tiny"), n_steps=60, batch=32)
CANDLES = candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1).slice(0, 1_500)


def trained(parameters=TINY, seed=1, surroundings=None, candles=CANDLES):
    return train_autoencoder(candles, parameters, symbol="EURUSD", seed=seed, surroundings=surroundings)


def test_it_learns_to_put_windows_together_that_it_was_not_shown():
    losses = trained(replace(preset("tiny"), n_steps=300)).losses
    assert losses[0].validation == pytest.approx(1.0, abs=0.25)
    assert min(point.validation for point in losses) < 0.95 * losses[0].validation


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    assert anomaly_bytes(trained().model) == anomaly_bytes(trained().model)
    assert anomaly_bytes(trained().model) != anomaly_bytes(trained(seed=2).model)


def test_an_interrupted_training_goes_on_as_if_nothing_had_been(tmp_path):
    lines = []
    snapshots = Snapshots(tmp_path / "s")
    where = Surroundings(tell=lines.append, snapshots=snapshots)

    def stop_at_twenty(progress):
        if progress.step == 20:
            snapshots.stop_file.touch()

    with pytest.raises(NotReadyError, match="ended behind step 21, with a snapshot"):
        trained(surroundings=replace(where, progress=stop_at_twenty))
    resumed = trained(surroundings=where)
    assert "resumed behind step 21 of 60, from its snapshot" in lines
    assert anomaly_bytes(resumed.model) == anomaly_bytes(trained().model)
    with pytest.raises(BadInputError, match="is of another training"):
        trained(seed=2, surroundings=where)


CHANGED = {
    "window": 30, "percentile": 90.0, "hidden": 16, "latent": 4, "n_steps": 30, "batch": 16, "learning_rate": 1e-4,
    "warm_up_steps": 5, "restarts": 2, "weight_decay": 1.0, "ema_decay": 0.5, "gradient_clip": 1e-3, "validation_share": 0.3,
    "left_out_share": 0.3, "patience": 1, "threads": None,
}  # fmt: skip


def test_every_parameter_is_changed_by_the_next_test():
    assert set(CHANGED) == set(vars(TINY))


@pytest.mark.parametrize("name", [name for name in CHANGED if name not in ("threads", "patience")])
def test_every_parameter_moves_the_model(name):
    # Threads change no more than rounding, and this only where there are several.
    assert anomaly_bytes(trained(replace(TINY, **{name: CHANGED[name]})).model) != anomaly_bytes(trained().model)


def test_patience_ends_a_training_that_gets_no_better():
    still = replace(TINY, learning_rate=0.0, weight_decay=0.0)
    assert trained(replace(still, patience=1)).losses[-1].step < trained(replace(still, patience=40)).losses[-1].step


def test_validation_windows_share_no_candle_with_those_trained_on_and_what_is_usual_is_of_the_latter():
    data = autoencoder_windows(CANDLES, TINY)
    assert data.normal.max() < 1_200
    assert data.validation.min() == 1_200 + TINY.window - 1
    changed = replace(CANDLES, close=np.r_[CANDLES.close[:1_200], CANDLES.close[1_200:] * 1.001])
    assert autoencoder_windows(changed, TINY).usual.centre.tobytes() == data.usual.centre.tobytes()


def test_the_windows_left_out_are_the_farthest_from_what_is_usual():
    data = autoencoder_windows(CANDLES, replace(TINY, left_out_share=0.0))
    fewer = autoencoder_windows(CANDLES, replace(TINY, left_out_share=0.1))
    assert (data.n_left_out, fewer.n_left_out) == (0, len(data.normal) // 10)
    energy = {int(end): float((data.inputs[end - 49 : end + 1] ** 2).sum()) for end in data.normal}
    left_out = set(energy) - set(fewer.normal.tolist())
    assert min(energy[end] for end in left_out) >= max(energy[end] for end in fewer.normal.tolist()) - 1e-6


def test_the_threshold_is_a_rank_that_few_errors_cannot_give():
    errors = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))
    assert threshold_of(errors, 95.0) == 19.0
    assert threshold_of(errors, 50.0) == 10.0
    with pytest.raises(BadInputError, match=r"18 validation windows tell no percentile 95\.0"):
        threshold_of(errors[:18], 95.0)


def test_a_span_that_is_too_short_says_what_it_needs():
    with pytest.raises(BadInputError, match="a stretch needs 291 candles for one, in either part"):
        trained(candles=CANDLES.slice(0, 250))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("window", 1, "a window has 2 candles or more"),
        ("latent", 0, "widths, steps, batch and threads are at least 1"),
        ("percentile", 100.0, r"percentile lies in \(0, 100\)"),
        ("validation_share", 0.0, "validation_share and ema_decay in"),
        ("left_out_share", 0.6, "at most half of history can be abnormal"),
    ],
)
def test_parameters_that_cannot_be_are_refused(field, value, message):
    with pytest.raises(BadInputError, match=message):
        AutoencoderParameters(**{field: value})


def test_an_unknown_preset_is_refused():
    with pytest.raises(BadInputError, match="preset 'huge' is unknown; known: tiny, small, base"):
        preset("huge")
