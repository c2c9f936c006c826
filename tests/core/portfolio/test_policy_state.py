"""The 137 numbers of the policy's state: against numpy and scipy, blind to the future, neutral where nothing is known."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.context.market_context import MarketContext, unknown_context
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.portfolio.daily_context import DailyContext, daily_context
from fxgpt_core.portfolio.policy_state import LIMIT, NAMES, PAST_DAYS, SIZE, states
from fxgpt_core.portfolio.universe import Universe, universe_of

PAGE = Path(__file__).resolve().parents[3] / "docs" / "policy.md"
SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY")
DAYS = 400


@pytest.fixture(scope="module")
def universe():
    rng = np.random.default_rng(5)
    together = rng.normal(0.0, 0.004, (DAYS, 1)) + rng.normal(0.0, 0.003, (DAYS, len(SYMBOLS)))
    return Universe(SYMBOLS, np.arange(17_000, 17_000 + DAYS, dtype=np.int32), np.exp(np.cumsum(together, axis=0)))


@pytest.fixture(scope="module")
def context():
    rng = np.random.default_rng(6)
    shape = (DAYS, len(SYMBOLS))
    vix = 20.0 * np.exp(np.cumsum(rng.normal(0.0, 0.05, DAYS)))
    vix[rng.random(DAYS) < 0.1] = np.nan
    return DailyContext(vix, rng.random(shape), rng.random(shape), rng.uniform(-1.0, 1.0, shape))


def part(of, rows):
    """The same universe or context with some of its days."""
    if isinstance(of, Universe):
        return Universe(of.names, of.day[rows], of.close[rows])
    return DailyContext(of.vix[rows], of.crowd_long[rows], of.crowd_confidence[rows], of.news[rows])


def number(found, name, day=-1):
    return found[day, NAMES.index(name)]


def test_there_are_137_numbers_each_with_a_name_of_its_own():
    assert SIZE == len(NAMES) == len(set(NAMES)) == 137
    assert NAMES[:2] == ("return_0_0", "return_0_1")
    assert NAMES[100] == "volatility_0"
    assert NAMES[-1] == "presence"


def test_the_page_tells_the_layout_as_it_is():
    rows = re.findall(r"^\| (\d+)–(\d+) \| `(\w+)` … `(\w+)` \|", PAGE.read_text(), flags=re.MULTILINE)
    assert [(NAMES[int(first)], NAMES[int(last)]) for first, last, *_ in rows] == [(one, other) for *_, one, other in rows]
    places = [place for first, last, *_ in rows for place in range(int(first), int(last) + 1)]
    assert places == list(range(SIZE))


def test_returns_volatility_and_correlation_are_those_of_numpy(universe):
    found, returns = states(universe), universe.returns
    for day in (60, 250, DAYS - 1):
        last = returns[day - 19 : day + 1]
        deviation = last.std(axis=0, ddof=1)
        for slot in range(3):
            assert number(found, f"volatility_{slot}", day) == pytest.approx(math.log(deviation[slot] * math.sqrt(260) / 0.1))
            for ago in range(20):
                assert number(found, f"return_{slot}_{ago}", day) == pytest.approx(last[-1 - ago, slot] / deviation[slot])
        assert number(found, "correlation_0_2", day) == pytest.approx(np.corrcoef(last[:, 0], last[:, 2])[0, 1])
        assert number(found, "correlation_1_2", day) == pytest.approx(np.corrcoef(last[:, 1], last[:, 2])[0, 1])


def test_risk_is_that_of_equal_weights_over_sixty_days(universe):
    found, returns = states(universe), universe.returns.mean(axis=1)
    for day in (60, 300):
        last = returns[day - 59 : day + 1]
        below = math.sqrt((np.minimum(last, 0.0) ** 2).mean())
        assert number(found, "var", day) == pytest.approx(-100.0 * np.sort(last)[2])
        assert number(found, "cvar", day) == pytest.approx(-100.0 * np.sort(last)[:3].mean())
        assert number(found, "sharpe", day) == pytest.approx(last.mean() / last.std(ddof=1) * math.sqrt(260))
        assert number(found, "sortino", day) == pytest.approx(np.clip(last.mean() / below * math.sqrt(260), -LIMIT, LIMIT))


def test_vix_is_told_by_level_and_percentile(universe, context):
    found = states(universe, context)
    day = int(np.flatnonzero(np.isfinite(context.vix))[-1])
    year = context.vix[day - 251 : day + 1]
    rank = stats.percentileofscore(year[np.isfinite(year)], context.vix[day], kind="weak")
    assert number(found, "vix_level", day) == pytest.approx(math.log(context.vix[day] / 20.0))
    assert number(found, "vix_percentile", day) == pytest.approx(rank / 50.0 - 1.0)


def test_sentiment_stands_where_its_symbol_does(universe, context):
    found = states(universe, context)
    assert number(found, "crowd_long_1") == 2.0 * context.crowd_long[-1, 1] - 1.0
    assert number(found, "crowd_confidence_2") == context.crowd_confidence[-1, 2]
    assert number(found, "news_0") == context.news[-1, 0]


def test_what_is_not_known_is_neutral_and_presence_tells_how_many_there_are(universe):
    late = universe.close.copy()
    late[:200, 1] = np.nan
    found = states(Universe(SYMBOLS, universe.day, late))
    absent = [NAMES.index(name) for name in NAMES if name.endswith(("_3", "_4")) and not name.startswith("return")]
    assert not found[:, absent].any()
    assert not found[:, 60:100].any()
    assert not found[:219, 20:40].any()
    assert number(found, "presence", 199) == 2 / 5
    assert number(found, "presence") == 3 / 5
    for name in ("vix_level", "vix_percentile", "crowd_long_0", "news_2"):
        assert not found[:, NAMES.index(name)].any()


def test_the_first_days_have_no_returns_and_a_still_market_no_volatility(universe):
    assert not states(universe)[:20, : 137 - 1].any()
    flat = states(Universe(SYMBOLS, universe.day, np.ones_like(universe.close)))
    assert not flat[:, : 137 - 1].any()


def test_the_future_cut_off_changes_no_bit(universe, context):
    found = states(universe, context)
    for stop in (1, 21, 61, 200, 253, 399):
        assert states(part(universe, slice(stop)), part(context, slice(stop))).tobytes() == found[:stop].tobytes()


def test_a_state_needs_no_more_than_its_bounded_past(universe, context):
    found = states(universe, context)
    for day in (260, 300, 399):
        rows = slice(day - PAST_DAYS + 1, day + 1)
        assert states(part(universe, rows), part(context, rows))[-1].tobytes() == found[day].tobytes()
    shorter = slice(399 - 200, 400)
    assert states(part(universe, shorter), part(context, shorter))[-1].tobytes() != found[399].tobytes()


def test_no_number_is_beyond_the_limit(universe, context):
    wild = universe.close * np.exp(np.where(np.arange(DAYS) % 50 == 0, 3.0, 0.0))[:, None]
    found = states(Universe(SYMBOLS, universe.day, wild), context)
    assert np.abs(found).max() == LIMIT


def test_more_than_five_symbols_and_a_context_of_other_days_are_refused(universe, context):
    six = Universe(tuple("ABCDEF"), universe.day, np.ones((DAYS, 6)))
    with pytest.raises(BadInputError, match=r"6 symbols found .* has places for 5"):
        states(six)
    with pytest.raises(BadInputError, match=r"vix has shape \(399,\); 400 days of 3 symbols need \(400,\)"):
        states(universe, part(context, slice(399)))


def test_a_day_knows_what_its_last_candle_knew():
    candles = candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1).head(400), Timeframe.H1)
    some = candles.select(candles.fx_day != candles.fx_day[200])
    universe = universe_of({"EURUSD": candles, "GBPUSD": some})
    numbers = np.arange(400.0)
    known = MarketContext(np.where(numbers < 100, np.nan, numbers), numbers / 400, numbers / 800, -numbers / 400)
    other = unknown_context(len(some))
    found = daily_context(universe, {"GBPUSD": (some, other), "EURUSD": (candles, known)})
    last = np.append(np.flatnonzero(np.diff(candles.fx_day)), 399)
    assert found.crowd_long[:, 0].tolist() == (last / 400).tolist()
    assert found.crowd_confidence[:, 0].tolist() == (last / 800).tolist()
    assert found.news[:, 0].tolist() == (-last / 400).tolist()
    assert found.vix[last >= 100].tolist() == last[last >= 100].tolist()
    assert np.isnan(found.vix[last < 100]).all()
    assert np.isnan(found.crowd_long[:, 1]).all()
    alone = daily_context(universe, {"GBPUSD": (some, known.select(np.isin(candles.open_time_us, some.open_time_us)))})
    missing = universe.day == candles.fx_day[200]
    assert np.isnan(alone.news[missing, 1]).all()
    assert not np.isnan(alone.news[~missing, 1]).any()
    with pytest.raises(BadInputError, match="EURUSD has 400 candles and context for"):
        daily_context(universe, {"EURUSD": (candles, other)})
