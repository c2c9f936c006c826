"""Index correlation, beta and currency strength against numpy written out by hand, and with the future cut off."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.resample import resample
from fxgpt_core.context.as_of import joined
from fxgpt_core.context.daily_index import closes_series
from fxgpt_core.errors import BadInputError
from fxgpt_core.features.intermarket import INTERMARKET, currency_strengths, intermarket_features
from fxgpt_core.market.symbols import symbol
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.validation.lookahead import lookahead_differences

H1, D1 = Timeframe.H1, Timeframe.D1
EURUSD = symbol("EURUSD")


@pytest.fixture(scope="module")
def sample() -> pl.DataFrame:
    return SampleProvider().candles("EURUSD", H1)


def moved(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The candles of another symbol: its own random walk at the same stamps."""
    walk = np.exp(np.cumsum(1e-3 * np.random.default_rng(seed).standard_normal(len(frame))))
    return frame.with_columns(pl.col("open", "high", "low", "close") * pl.Series(walk))


@pytest.fixture(scope="module")
def others(sample: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {"GBPUSD": moved(sample, 1), "EURGBP": moved(sample, 2), "AUDNZD": moved(sample, 3)}


def context_of(candles: pl.DataFrame, timeframe: Timeframe, name: str = "spx") -> pl.DataFrame:
    """What is known of a generated index at each candle."""
    days = [date(2017, 4, 3) + timedelta(days=n) for n in range(800)]
    weekdays = [day for day in days if day.weekday() < 5]
    closes = 2500.0 * np.exp(np.cumsum(0.01 * np.random.default_rng(5).standard_normal(len(weekdays))))
    series = closes_series(name, pl.DataFrame({"refers_to": weekdays, "close": closes}), "generated")
    return joined(candles.select("open_time", known_at=pl.col("open_time") + timeframe.duration), [series])


@pytest.fixture(scope="module")
def found(sample: pl.DataFrame, others: dict[str, pl.DataFrame]) -> pl.DataFrame:
    return intermarket_features(sample, H1, EURUSD, others=others, context=context_of(sample, H1))


def test_correlation_and_beta_are_those_of_the_last_sixty_index_closes(sample: pl.DataFrame, found: pl.DataFrame) -> None:
    context = context_of(sample, H1)
    index, price = context["spx_close"].to_list(), sample["close"].to_list()
    samples: list[tuple[float, float]] = []
    checked = 0
    for row in range(len(sample)):
        # The closes of a random walk never repeat: another value is another close.
        if index[row] is not None and (row == 0 or index[row] != index[row - 1]):
            samples.append((index[row], price[row]))
            if len(samples) > 60:
                market, own = (np.diff(np.log([pair[side] for pair in samples[-61:]])) for side in (0, 1))
                assert found["index_correlation_60"][row] == pytest.approx(np.corrcoef(own, market)[0, 1], abs=1e-12)
                assert found["index_beta_60"][row] == pytest.approx(np.polyfit(market, own, 1)[0], abs=1e-12)
                checked += 1
        if len(samples) <= 60:
            assert found["index_beta_60"][row] is None
        else:
            assert (
                found["index_beta_60"][row] == found["index_beta_60"][row if samples[-1] == (index[row], price[row]) else row - 1]
            )
    assert checked > 100


def test_a_symbol_that_moves_twice_as_the_index_has_beta_two(sample: pl.DataFrame) -> None:
    days = resample(sample, H1, D1)
    context = context_of(days, D1, "spy")
    twice = days.with_columns(close=(context["spy_close"].log() * 2.0).exp())
    found = intermarket_features(twice, D1, EURUSD, others={}, context=context).drop_nulls("index_beta_60")
    assert len(found) > 100
    assert found["index_beta_60"].to_numpy() == pytest.approx(2.0)
    assert found["index_correlation_60"].to_numpy() == pytest.approx(1.0)


def strength_by_hand(frames: dict[str, pl.DataFrame], currency: str, row: int) -> float:
    votes = []
    for name, frame in frames.items():
        close = frame["close"].to_numpy()
        returns = np.diff(np.log(close))[row - 100 : row]
        vote = np.log(close[row] / close[row - 20]) / np.sqrt(20.0 * np.mean(returns**2))
        votes += [vote] * (name[:3] == currency) + [-vote] * (name[3:] == currency)
    return float(np.mean(votes))


def test_a_currency_s_strength_is_the_mean_of_what_its_symbols_say(
    sample: pl.DataFrame, others: dict[str, pl.DataFrame], found: pl.DataFrame
) -> None:
    frames = {**others, "EURUSD": sample}
    assert found["strength_base"][99] is None
    for row in (100, 777, 4999):
        base, quote = (strength_by_hand(frames, currency, row) for currency in ("EUR", "USD"))
        assert found["strength_base"][row] == pytest.approx(base, abs=1e-9)
        assert found["strength_quote"][row] == pytest.approx(quote, abs=1e-9)
        assert found["strength_difference"][row] == pytest.approx(base - quote, abs=1e-9)


def test_a_symbol_alone_is_as_strong_as_its_quote_is_weak(sample: pl.DataFrame) -> None:
    alone = currency_strengths(sample.select("open_time"), {"EURUSD": sample})
    assert set(alone) == {"EUR", "USD"}
    assert (alone["EUR"] + alone["USD"]).abs().max() == 0.0


def test_a_symbol_whose_candles_ended_no_longer_votes(sample: pl.DataFrame, others: dict[str, pl.DataFrame]) -> None:
    ended = sample["open_time"][2000]
    stopped = {name: frame.filter(pl.col("open_time") <= ended) for name, frame in others.items()}
    strengths = currency_strengths(sample.select("open_time"), stopped)["GBP"]
    silent = sample["open_time"] > ended + timedelta(days=3)
    assert strengths.filter(silent).null_count() == silent.sum()
    assert strengths.filter(~silent).null_count() == 100


def test_no_future_is_seen(sample: pl.DataFrame, others: dict[str, pl.DataFrame]) -> None:
    def compute(part: pl.DataFrame) -> pl.DataFrame:
        last = part["open_time"][-1]
        known = {name: frame.filter(pl.col("open_time") <= last) for name, frame in others.items()}
        return intermarket_features(part, H1, EURUSD, others=known, context=context_of(part, H1))

    report = lookahead_differences(compute, sample, [1500, 1501, 2222, 4000])
    assert set(INTERMARKET) <= set(report.columns_compared)
    assert report.clean


def test_without_an_index_only_the_strengths_are_known(sample: pl.DataFrame) -> None:
    times = sample.select("open_time", known_at=pl.col("open_time") + H1.duration)
    found = intermarket_features(sample, H1, EURUSD, others={}, context=times)
    assert found.columns == ["open_time", "known_at", *INTERMARKET]
    assert found.select(INTERMARKET).null_count().row(0) == (5000, 5000, 100, 100, 100)
    assert set(found.select(INTERMARKET).dtypes) == {pl.Float64}


def test_context_of_other_candles_is_refused(sample: pl.DataFrame) -> None:
    with pytest.raises(BadInputError, match="4999 rows of context do not belong to the 5000 candles of EURUSD"):
        intermarket_features(sample, H1, EURUSD, others={}, context=context_of(sample.tail(4999), H1))
