"""Windows: what the network is shown, row by row, and that training and validation share no outcome."""

import numpy as np
import pytest
import torch
from forecast_examples import candles_of_returns, real_candles, real_features, without

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.diffusion.model import CLIP
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.volatility import WARM_UP, Volatility, fit_volatility, log_returns
from fxgpt_core.market.timeframes import HOUR_US
from fxgpt_core.training.diffusion_training import CANDIDATES, fit_scaler
from fxgpt_core.training.windows import Windows, together, windows

VOLATILITY = Volatility(np.ones(168))


def numbered(n: int, n_warm_up: int = 60) -> tuple[np.ndarray, CandleArrays]:
    """Inputs whose value is their row, and noisy candles."""
    inputs = np.tile(np.arange(n, dtype=np.float32)[:, None], (1, 2))
    inputs[:n_warm_up] = np.nan
    return inputs, candles_of_returns(np.random.default_rng(0).normal(0.0, 1e-3, n))


def made(n: int = 300, context: int = 8, n_warm_up: int = 60) -> tuple[Windows, CandleArrays]:
    inputs, candles = numbered(n, n_warm_up)
    return windows(inputs, candles, VOLATILITY, context), candles


def test_a_window_ends_at_its_origin_and_its_path_starts_after_it() -> None:
    data, candles = made()
    contexts, targets = data.batch(500, torch.Generator().manual_seed(0))
    origins = contexts[:, -1, 0].long().numpy()
    assert (contexts[:, :, 0].numpy() == origins[:, None] + np.arange(-7, 1)).all()
    sigma = VOLATILITY.at_close(candles)[origins]
    returns = log_returns(candles)[origins[:, None] + np.arange(1, 121)]
    days = returns[:, 24:].reshape(-1, 4, 24).sum(axis=2) / np.sqrt(24.0)
    expected = np.concatenate([returns[:, :24], days], axis=1) / sigma[:, None]
    np.testing.assert_allclose(targets.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_every_window_inside_the_span_is_there_and_none_that_needs_more() -> None:
    data, _ = made(n=300, context=8, n_warm_up=60)
    assert data.origins.tolist() == list(range(67, 300 - 120))


def test_inputs_without_warm_up_still_wait_for_the_volatility() -> None:
    data, _ = made(context=4, n_warm_up=0)
    assert int(data.origins[0]) == WARM_UP
    assert torch.isfinite(data.targets).all()


def test_targets_of_real_candles_are_standardised_and_a_shock_is_clipped() -> None:
    candles, features = real_candles(), real_features()
    data = windows(fit_scaler(features, CANDIDATES).scaled(features), candles, fit_volatility(candles), 32)
    assert float(data.targets.std()) == pytest.approx(1.0, abs=0.1)
    returns = np.random.default_rng(0).normal(0.0, 1e-3, 300)
    returns[120] = 0.5
    shocked = windows(numbered(300)[0], candles_of_returns(returns), VOLATILITY, 8)
    assert float(shocked.targets.max()) == CLIP


def test_training_and_validation_outcomes_do_not_touch() -> None:
    data, _ = made(n=600)
    training, validation = data.divided(0.2)
    assert int(training.origins[-1]) + 120 < int(validation.origins[0]) + 1
    assert len(validation) == int(0.2 * len(data))
    assert int(validation.origins[-1]) == int(data.origins[-1])
    assert torch.equal(training.targets[-1], data.targets[len(training) - 1])


def holed() -> tuple[Windows, CandleArrays]:
    """Windows of 900 candles of which 60 are missing behind row 350; the inputs warm up for 60 rows again behind the hole."""
    candles = without(numbered(900)[1], 350, 410)
    inputs = numbered(840)[0]
    inputs[350:410] = np.nan
    return windows(inputs, candles, VOLATILITY, 8), candles


def test_no_window_spans_a_hole_and_those_behind_it_wait_for_warm_up_and_context() -> None:
    data, candles = holed()
    assert data.origins.tolist() == [*range(67, 350 - 120), *range(350 + 67, len(candles) - 120)]
    opens = candles.open_time_us
    origins = data.origins.numpy()
    assert (opens[origins + 120] - opens[origins - 7]).max() <= (7 + 120 + 2 * 48) * HOUR_US  # two weekends at most
    contexts, _ = data.batch(2000, torch.Generator().manual_seed(0))
    assert (np.diff(contexts[:, :, 0].numpy(), axis=1) == 1.0).all()


def test_a_hole_that_the_features_overlooked_is_seen_all_the_same() -> None:
    data = windows(numbered(840)[0], without(numbered(900)[1], 350, 410), VOLATILITY, 8)
    assert data.origins.tolist() == [*range(67, 350 - 120), *range(350 + WARM_UP, 840 - 120)]


def test_a_row_that_lacks_one_feature_is_in_no_context() -> None:
    inputs, candles = numbered(400)
    inputs[150, 1] = np.nan
    data = windows(inputs, candles, VOLATILITY, 8)
    assert data.origins.tolist() == [*range(67, 150), *range(158, 280)]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_training_and_validation_are_a_path_apart_at_a_hole_as_well(share: float) -> None:
    training, validation = holed()[0].divided(share)
    paths = {row + step for row in training.origins.tolist() for step in range(1, 121)}
    judged = {row + step for row in validation.origins.tolist() for step in range(1, 121)}
    assert not paths & judged


def test_batches_are_those_of_their_generator() -> None:
    data, _ = made()
    first, same, other = (data.batch(16, torch.Generator().manual_seed(seed))[0] for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_span_too_short_for_one_window_is_refused() -> None:
    with pytest.raises(
        BadInputError, match="187 candles give no training window, which is 8 candles with all features and 120 after"
    ):
        made(n=187, context=8, n_warm_up=60)
    assert len(made(n=188, context=8, n_warm_up=60)[0]) == 1


def test_windows_too_few_to_divide_are_refused() -> None:
    with pytest.raises(BadInputError, match="cannot be divided"):
        made(n=290)[0].divided(0.15)


def test_series_together_keep_their_own_contexts_and_paths() -> None:
    first, second = made(n=300)[0], made(n=350)[0]
    both = together([first, second])
    assert len(both) == len(first) + len(second)
    for window in (0, len(first) - 1):
        assert np.array_equal(both.context_of(window), first.context_of(window))
        assert np.array_equal(both.context_of(len(first) + window), second.context_of(window))
    assert torch.equal(both.targets, torch.cat([first.targets, second.targets]))
    assert torch.equal(both.ahead, torch.cat([first.ahead, second.ahead]))
