"""Joint paths: each symbol's are its own, they move together as the symbols did, and what does not fit together is refused."""

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from forecast_examples import H1, SMALL, TOKENS, candles_of_returns, model_of, opinionated, without

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.diffusion.forecaster import DiffusionForecaster
from fxgpt_core.diffusion.joint import History, joint_paths
from fxgpt_core.diffusion.model import untrained
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.errors import BadInputError
from fxgpt_core.features.matrix import features

N = 900
TRUE = 0.8
PATHS = SamplingParameters(n_paths=2000)


@cache
def returns(correlation: float = TRUE) -> np.ndarray:
    """float64[N,2]: hourly log-returns of two symbols."""
    covariance = np.array([[1.0, correlation], [correlation, 1.0]])
    return 1e-3 * np.random.default_rng(3).multivariate_normal([0.0, 0.0], covariance, N)


def history(of: np.ndarray) -> History:
    return of_candles(candles_of_returns(of))


def of_candles(candles: CandleArrays) -> History:
    frame = pl.DataFrame(
        {
            "open_time": pl.Series(candles.open_time_us).cast(pl.Datetime("us", "UTC")),
            **{name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")},
        }
    )
    return History(features(frame, H1), candles)


def two(sampling: SamplingParameters = PATHS, trained: bool = False) -> list[DiffusionForecaster]:
    network = opinionated(untrained(SMALL, 1)) if trained else untrained(SMALL, 1)
    return [DiffusionForecaster(replace(model_of(network), symbol=symbol), sampling) for symbol in ("EURUSD", "GBPUSD")]


@cache
def histories() -> tuple[History, History]:
    return history(returns()[:, 0]), history(returns()[:, 1])


def test_symbols_that_moved_together_have_paths_that_do() -> None:
    found = joint_paths(two(), histories(), seed=1)
    assert found.symbols == ("EURUSD", "GBPUSD")
    assert found.values.shape == (2000, 2, TOKENS)
    assert found.steps.tolist() == [*range(1, 25), 48, 72, 96, 120]
    assert found.known_at_us == histories()[0].candles.known_at_us[-1]
    assert found.correlation[0, 1] == pytest.approx(TRUE, abs=0.05)
    for step in (0, 3, TOKENS - 1):
        assert np.corrcoef(found.values[:, :, step].T)[0, 1] == pytest.approx(found.correlation[0, 1], abs=0.03)


def test_symbols_that_did_not_move_together_have_paths_that_do_not() -> None:
    independent = tuple(history(returns(0.0)[:, column]) for column in (0, 1))
    values = joint_paths(two(), independent, seed=1).values
    assert abs(np.corrcoef(values[:, :, 23].T)[0, 1]) < 0.12


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("sampler", ["euler", "ddpm"])
def test_each_symbols_paths_are_those_of_its_own_forecast(trained: bool, sampler: str) -> None:
    forecasters = two(SamplingParameters(n_paths=2000, sampler=sampler), trained)
    values = joint_paths(forecasters, histories(), seed=1).values
    for s, (forecaster, one) in enumerate(zip(forecasters, histories(), strict=True)):
        alone = forecaster.forecast(one.features, one.candles, np.array([N - 1]), seed=1)
        for level in (0.1, 0.5, 0.9):
            np.testing.assert_allclose(
                np.quantile(values[:, s], level, axis=0) / alone.scale[0], alone.level(level)[0] / alone.scale[0], atol=0.12
            )


def test_the_same_seed_gives_the_same_paths_and_another_others() -> None:
    first, same, other = (joint_paths(two(), histories(), seed=seed).values for seed in (1, 1, 2))
    assert first.tobytes() == same.tobytes() != other.tobytes()


def test_a_candle_that_one_symbol_lacks_is_left_out_of_how_they_move_together() -> None:
    lacking = of_candles(without(histories()[1].candles, 700, 701))
    found = joint_paths(two(), (histories()[0], lacking), seed=1)
    assert found.correlation[0, 1] == pytest.approx(TRUE, abs=0.05)


def test_symbols_that_end_at_other_closes_or_are_drawn_otherwise_are_refused() -> None:
    earlier = of_candles(histories()[1].candles.slice(0, N - 1))
    with pytest.raises(BadInputError, match="2 kinds of last close found in 2 symbols"):
        joint_paths(two(), (histories()[0], earlier), seed=1)
    mixed = [two()[0], two(SamplingParameters(n_paths=64))[1]]
    with pytest.raises(BadInputError, match="2 kinds of sampler found"):
        joint_paths(mixed, histories(), seed=1)
    network = untrained(SMALL, 1)
    larger = DiffusionForecaster(model_of(network, network), PATHS)
    with pytest.raises(BadInputError, match="2 kinds of number of members found"):
        joint_paths([two()[0], larger], histories(), seed=1)
