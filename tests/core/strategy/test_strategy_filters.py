"""What the market filters say, by hand numbers, and every parameter at work."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.context.market_context import MarketContext, unknown_context
from fxgpt_core.errors import ParameterError
from fxgpt_core.strategy import filters
from fxgpt_core.strategy.filters import (
    MOST_FADE,
    FilterParameters,
    SentimentFilterParameters,
    VixFilterParameters,
    filter_answers,
    sentiment_filter,
    vix_filter,
    volume_filter,
)
from fxgpt_core.strategy.reasons import REASONS
from fxgpt_core.strategy.volume_measures import VolumeFilterParameters, VolumeMeasures

VIX, SENTIMENT, VOLUME = VixFilterParameters(), SentimentFilterParameters(), VolumeFilterParameters()
CALM = {"obv": 0.2, "vwap_distance": 0.001, "spike_ratio": 1.0, "liquidity": 1.0, "direction": 1.0}


def sides(*values):
    return np.array(values, dtype=np.int8)


def context_of(crowd_long=math.nan, crowd_confidence=1.0, news=math.nan, vix=math.nan):
    return MarketContext(*(np.array([value]) for value in (vix, crowd_long, crowd_confidence, news)))


def measures_of(**changed):
    return VolumeMeasures(**{name: np.array([value]) for name, value in (CALM | changed).items()})


def refusal_of(answer):
    code = answer.refusal[0]
    return "" if code == filters.NOT_REFUSED else REASONS[code]


def told(answer):
    return refusal_of(answer), answer.factor[0], bool(answer.neutral[0])


def test_fear_takes_the_share_of_its_level_away():
    answer = vix_filter(np.array([12.0, 30.0, 30.01, 50.0, 82.69, math.nan]), VIX)
    np.testing.assert_allclose(answer.factor, [1.0, 1.0, 0.5, 0.5, 0.3, 1.0], rtol=1e-15)
    assert answer.neutral.tolist() == [False] * 5 + [True]
    assert not answer.refused.any()


@pytest.mark.parametrize(
    ("changed", "vix", "factor"),
    [
        ({"enabled": False}, 40.0, 1.0),
        ({"high_threshold": 40.0}, 35.0, 1.0),
        ({"extreme_threshold": 35.0}, 40.0, 0.3),
        ({"high_reduction_pct": 0.3}, 40.0, 0.7),
        ({"extreme_reduction_pct": 0.9}, 60.0, 0.1),
    ],
)
def test_each_parameter_of_fear_moves_the_size(changed, vix, factor):
    levels = np.array([vix])
    assert vix_filter(levels, dataclasses.replace(VIX, **changed)).factor[0] == pytest.approx(factor)
    assert vix_filter(levels, VIX).factor[0] != pytest.approx(factor)


def test_the_crowd_refuses_its_own_side_and_makes_the_other_larger():
    # 80 % are 5 of the 25 points above 75 %: 1 + 1 · 0.2.
    crowd = context_of(crowd_long=0.8)
    assert told(sentiment_filter(sides(1), crowd, SENTIMENT)) == ("the crowd is on this side", 1.0, False)
    assert told(sentiment_filter(sides(-1), crowd, SENTIMENT)) == ("", pytest.approx(1.2), False)
    assert told(sentiment_filter(sides(0), crowd, SENTIMENT)) == ("", 1.0, False)
    short = context_of(crowd_long=0.2)
    assert told(sentiment_filter(sides(-1), short, SENTIMENT)) == ("the crowd is on this side", 1.0, False)
    assert told(sentiment_filter(sides(1), short, SENTIMENT)) == ("", pytest.approx(1.2), False)


def test_a_crowd_wholly_on_the_other_side_makes_no_size_larger_than_the_cap():
    assert sentiment_filter(sides(-1), context_of(crowd_long=1.0), SENTIMENT).factor[0] == MOST_FADE


@pytest.mark.parametrize(
    ("changed", "side", "context", "expected"),
    [
        ({"enabled": False}, 1, context_of(0.8), ("", 1.0, False)),
        ({"contrarian_threshold": 0.85}, 1, context_of(0.8), ("", 1.0, False)),
        ({"confidence_threshold": 0.8}, 1, context_of(0.8, 0.7), ("", 1.0, False)),
        ({"fade_strength": 0.5}, -1, context_of(0.8), ("", pytest.approx(1.1), False)),
        ({"use_news": True}, -1, context_of(0.8, news=0.7), ("confident news is against this side", pytest.approx(1.2), False)),
    ],
)
def test_each_parameter_of_the_crowd_moves_the_answer(changed, side, context, expected):
    assert told(sentiment_filter(sides(side), context, dataclasses.replace(SENTIMENT, **changed))) == expected
    assert told(sentiment_filter(sides(side), context, SENTIMENT)) != expected


def test_news_refuse_only_with_confidence_and_only_the_side_they_are_against():
    heard = dataclasses.replace(SENTIMENT, use_news=True)
    assert told(sentiment_filter(sides(1), context_of(news=-0.6), heard))[0] == "confident news is against this side"
    assert told(sentiment_filter(sides(1), context_of(news=-0.59), heard))[0] == ""
    assert told(sentiment_filter(sides(1), context_of(news=0.9), heard))[0] == ""
    assert told(sentiment_filter(sides(0), context_of(news=-0.9), heard))[0] == ""


def test_sentiment_is_neutral_where_nothing_of_it_is_known():
    heard = dataclasses.replace(SENTIMENT, use_news=True)
    assert told(sentiment_filter(sides(1), context_of(), SENTIMENT)) == ("", 1.0, True)
    assert told(sentiment_filter(sides(1), context_of(0.8, math.nan), SENTIMENT)) == ("", 1.0, True)
    assert told(sentiment_filter(sides(1), context_of(news=0.1), SENTIMENT)) == ("", 1.0, True)
    assert told(sentiment_filter(sides(1), context_of(news=0.1), heard)) == ("", 1.0, False)


@pytest.mark.parametrize(
    ("side", "changed", "refusal"),
    [
        (1, {}, ""),
        (1, {"liquidity": 0.69}, "too little volume trades"),
        (0, {"liquidity": 0.69}, ""),
        (1, {"obv": -0.1}, ""),
        (1, {"vwap_distance": -0.1}, ""),
        (1, {"obv": -0.1, "vwap_distance": -0.1}, "on-balance volume and VWAP are against this side"),
        (-1, {}, "on-balance volume and VWAP are against this side"),
        (-1, {"obv": -0.1, "vwap_distance": -0.1}, ""),
        (1, {"spike_ratio": 2.1}, ""),
        (1, {"spike_ratio": 2.1, "direction": 0.0}, ""),
        (1, {"spike_ratio": 2.1, "direction": -1.0}, "a volume spike is against this side"),
        (1, {"liquidity": math.nan, "obv": math.nan}, ""),
    ],
)
def test_volume_refuses_thin_markets_and_sides_it_is_against(side, changed, refusal):
    answer = volume_filter(sides(side), measures_of(**changed), VOLUME)
    assert (refusal_of(answer), answer.factor[0]) == (refusal, 1.0)
    assert answer.neutral[0] == math.isnan((CALM | changed)["obv"])


@pytest.mark.parametrize(
    ("changed", "measures"),
    [
        ({"enabled": False}, {"liquidity": 0.1}),
        ({"spike_threshold": 3.0}, {"spike_ratio": 2.5, "direction": -1.0}),
        ({"min_liquidity_pct": 0.5}, {"liquidity": 0.6}),
    ],
)
def test_the_switch_and_the_limits_of_volume_move_the_answer(changed, measures):
    assert volume_filter(sides(1), measures_of(**measures), VOLUME).refused[0]
    assert not volume_filter(sides(1), measures_of(**measures), dataclasses.replace(VOLUME, **changed)).refused[0]


def test_the_answers_together_are_the_first_refusal_and_the_product_of_the_factors():
    context = context_of(crowd_long=0.8, vix=40.0)
    answers = filter_answers(sides(-1), context, measures_of(), FilterParameters(VIX, SENTIMENT, VOLUME))
    assert refusal_of(answers) == "on-balance volume and VWAP are against this side"
    assert answers.factor[0] == pytest.approx(0.5 * 1.2)
    assert filter_answers(sides(1), context, measures_of(), FilterParameters(VIX, SENTIMENT, VOLUME)).refusal[0] == filters.CROWD


@pytest.mark.parametrize(
    ("record", "values", "message"),
    [
        (VixFilterParameters, {"high_threshold": 40.0, "extreme_threshold": 35.0}, "above 40.0 and 0.7 above 35.0"),
        (VixFilterParameters, {"high_reduction_pct": 0.7, "extreme_reduction_pct": 0.5}, "takes 0.7 of the size"),
        (VixFilterParameters, {"extreme_reduction_pct": 1.1}, "from 0 to 1"),
        (SentimentFilterParameters, {"contrarian_threshold": 0.5}, "a crowd from 0.5"),
        (SentimentFilterParameters, {"confidence_threshold": 0.0}, "confidence from 0.0"),
        (SentimentFilterParameters, {"fade_strength": -0.1}, "strength -0.1"),
        (VolumeFilterParameters, {"obv_period": 0}, "OBV over 0"),
        (VolumeFilterParameters, {"min_liquidity_pct": 2.0, "spike_threshold": 1.5}, "liquidity from 2.0 and spikes above 1.5"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(record, values, message):
    with pytest.raises(ParameterError, match=message):
        record(**values)


numbers = st.one_of(st.just(math.nan), st.floats(-1.0, 1.0))
rows = st.lists(st.tuples(st.sampled_from([-1, 0, 1]), *[numbers] * 8), min_size=1, max_size=20)


def answered(table):
    side = np.array([row[0] for row in table], dtype=np.int8)
    columns = np.array([row[1:] for row in table], dtype=np.float64).T.copy()
    context = MarketContext(columns[0] * 80.0, np.abs(columns[1]), np.abs(columns[2]), columns[3])
    measures = VolumeMeasures(columns[4], columns[5], np.abs(columns[6]) * 4.0, np.abs(columns[7]), np.sign(columns[4]))
    sentiment = dataclasses.replace(SENTIMENT, use_news=True)
    return side, filter_answers(side, context, measures, FilterParameters(VIX, sentiment, VOLUME))


@settings(max_examples=150, deadline=None)
@given(rows, st.data())
def test_a_row_is_answered_alike_alone_and_among_others(table, data):
    row = data.draw(st.integers(0, len(table) - 1))
    (_, among), (_, alone) = answered(table), answered([table[row]])
    for name in ("vix", "sentiment", "volume"):
        for part in ("refusal", "factor", "neutral"):
            assert getattr(getattr(among, name), part)[row : row + 1].tobytes() == getattr(getattr(alone, name), part).tobytes()


@settings(max_examples=150, deadline=None)
@given(rows)
def test_no_answer_leaves_its_bounds(table):
    side, answers = answered(table)
    assert ((answers.factor >= 1.0 - VIX.extreme_reduction_pct) & (answers.factor <= MOST_FADE)).all()
    assert (answers.refusal[side == 0] == filters.NOT_REFUSED).all()


def test_a_market_of_which_nothing_is_known_is_neutral_everywhere():
    side, nothing = sides(1, -1, 0), np.full(3, math.nan)
    answers = filter_answers(side, unknown_context(3), VolumeMeasures(*[nothing] * 5), FilterParameters(VIX, SENTIMENT, VOLUME))
    assert answers.vix.neutral.all()
    assert answers.sentiment.neutral.all()
    assert answers.volume.neutral.all()
    assert (answers.refusal == filters.NOT_REFUSED).all()
    assert (answers.factor == 1.0).all()
