"""The decision rule by hand numbers, its independence of later rows, and every live parameter at work."""

import dataclasses
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.backtest.engine import backtest, execution_parameters
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.conformal.bands import Bands
from fxgpt_core.context.market_context import MarketContext
from fxgpt_core.errors import BadInputError, ParameterError
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.portfolio.edge import Edge
from fxgpt_core.portfolio.sizing import Conditions, SizingParameters, risk_fraction
from fxgpt_core.strategy import reasons as rule
from fxgpt_core.strategy.decision import Decisions, decide
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.reasons import REASONS
from fxgpt_core.strategy.view import MarketView, average_true_range, lookback_candles, market_view

COVERAGES = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
START_US = 1_500_000_000_000_000 // HOUR_US * HOUR_US
COSTS = Costs(spread=0.0001, commission=0.00002)
DEFAULT = StrategyParameters.default()


def walk(n, seed, volatility=0.002):
    """A random walk of n hourly candles with true ranges, and bands around a noisy median for the steps 1, 4 and 24."""
    rng = np.random.default_rng(seed)
    volatility = volatility * np.exp(np.cumsum(rng.normal(0, 0.03, n)))
    close = np.exp(np.cumsum(rng.normal(0, volatility)))
    open_ = np.concatenate([[1.0], close[:-1]])
    high = np.maximum(open_, close) * (1 + rng.uniform(0, volatility))
    low = np.minimum(open_, close) * (1 - rng.uniform(0, volatility))
    candles = CandleArrays(START_US + np.arange(n) * HOUR_US, open_, high, low, close, np.ones(n), Timeframe.H1)
    steps = np.array([1, 4, 24], dtype=np.int32)
    scale = volatility[:, None] * np.sqrt(steps)
    median = rng.normal(0, 0.7, (n, 3)) * scale
    half = np.array([NormalDist().inv_cdf((1 + coverage) / 2) for coverage in COVERAGES])
    half = half * (1 + rng.normal(0, 0.15, (n, 1, 1))) * scale[:, :, None]
    lower, upper = median[:, :, None] - half, median[:, :, None] + half
    lower, upper = np.minimum(lower, median[:, :, None]), np.maximum(upper, median[:, :, None])
    known = np.arange(n) >= 20
    bands = Bands(candles.known_at_us, steps, COVERAGES, lower, upper, np.zeros(lower.shape, dtype=bool), median, scale)
    return candles, bands.select(known)


def view_of(uncalibrated=False, **columns):
    """One row with a long wish at defaults: median +0.3 %, band −0.4 % to +1 %, ATR 0.1 %."""
    z = NormalDist().inv_cdf(0.9)
    row = {
        "close": 2.0,
        "atr": 0.002,
        "slow_atr": 0.002,
        "median": 0.003,
        "lower": -0.004,
        "upper": 0.010,
        "scale": 0.014 / (2 * z),
    } | columns
    arrays = {name: np.array([value], dtype=np.float64) for name, value in row.items()}
    return MarketView(known_at_us=np.array([START_US]), uncalibrated=np.array([uncalibrated]), **arrays)


def only(view, parameters=DEFAULT, costs=COSTS):
    return decide(view, parameters, costs).row(0)


def test_a_long_takes_the_far_edge_as_target_and_the_near_edge_as_stop():
    found = only(view_of())
    assert (found.side, found.reason) == (1, REASONS[rule.LONG])
    assert found.target_distance == pytest.approx(2.0 * math.expm1(0.010))
    assert found.stop_distance == pytest.approx(2.0 * -math.expm1(-0.004))
    assert found.risk_fraction == pytest.approx(0.01)


def test_a_short_mirrors_the_edges():
    found = only(view_of(median=-0.003, lower=-0.010, upper=0.004))
    assert (found.side, found.reason) == (-1, REASONS[rule.SHORT])
    assert found.target_distance == pytest.approx(2.0 * -math.expm1(-0.010))
    assert found.stop_distance == pytest.approx(2.0 * math.expm1(0.004))


def test_the_stop_is_at_least_the_atr_multiple_and_both_levels_are_capped():
    assert only(view_of(atr=0.01)).stop_distance == pytest.approx(2 * 0.01)
    assert only(view_of(atr=0.5)).stop_distance == pytest.approx(0.02 * 2.0)
    wide = view_of(upper=0.2, scale=0.2)
    assert only(wide).target_distance == pytest.approx(0.04 * 2.0)


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"median": math.nan}, rule.NO_FORECAST),
        ({"lower": math.nan}, rule.NO_FORECAST),
        ({"scale": 0.0}, rule.NO_FORECAST),
        ({"atr": math.nan}, rule.NO_VOLATILITY),
        ({"atr": 0.0}, rule.NO_VOLATILITY),
        ({"uncalibrated": True}, rule.UNCALIBRATED),
        ({"uncalibrated": True, "atr": math.nan}, rule.NO_VOLATILITY),
        ({"uncalibrated": True, "median": math.nan}, rule.NO_FORECAST),
        ({"median": 0.00013}, rule.MOVE_TOO_SMALL),
        ({"median": -0.00013}, rule.MOVE_TOO_SMALL),
        ({"median": 0.0}, rule.MOVE_TOO_SMALL),
        ({"scale": 0.004}, rule.TOO_UNCERTAIN),
        ({"lower": -math.inf, "upper": math.inf}, rule.TOO_UNCERTAIN),
    ],
)
def test_each_reason_not_to_trade_is_named_and_leaves_no_numbers(columns, code):
    found = only(view_of(**columns))
    assert (found.side, found.reason) == (0, REASONS[code])
    assert (found.stop_distance, found.target_distance, found.risk_fraction) == (None, None, None)


@pytest.mark.parametrize(
    ("confidence", "flagged", "blocked"), [(0.8, 3, 1), (0.8, 4, 0), (0.85, 4, 1), (0.85, 3, 1), (0.85, 5, 0)]
)
def test_a_band_between_two_coverages_is_uncalibrated_where_one_of_them_is(confidence, flagged, blocked):
    candles, bands = walk(40, seed=1)
    bands.uncalibrated[7, 0, flagged] = True
    parameters = DEFAULT.replace(sssd_quantile_confidence=confidence, sssd_forecast_horizon=1)
    decisions = decide(market_view(candles, bands, parameters), parameters, COSTS)
    assert decisions.reason_counts()[REASONS[rule.UNCALIBRATED]] == blocked
    assert (decisions.reason[27] == rule.UNCALIBRATED) == bool(blocked)
    assert (decisions.side[decisions.reason == rule.UNCALIBRATED] == 0).all()


def test_a_target_capped_below_the_cost_is_not_worth_taking():
    tight = DEFAULT.replace(risk_stop_loss_pct=0.5, risk_take_profit_pct=1.6)
    found = only(view_of(median=0.03, upper=0.05, scale=0.05), tight, Costs(0.02, 0.0))
    assert found.reason == REASONS[rule.TARGET_TOO_SMALL]


def test_confidence_scaling_maps_certainty_to_the_multipliers():
    def risk(excess, **changes):
        z = NormalDist().inv_cdf(0.9)
        return only(view_of(scale=0.014 / (2 * z * (1 + excess))), DEFAULT.replace(**changes)).risk_fraction

    assert risk(0.2 - 1e-12) == pytest.approx(0.005)
    assert risk(0.0) == pytest.approx(0.010)
    assert risk(-0.2) == pytest.approx(0.015)
    assert risk(-0.5) == pytest.approx(0.015)
    assert risk(0.1, sizing_confidence_scaling=False) == pytest.approx(0.010)


def test_volatility_adjusted_sizing_risks_less_when_the_market_moves_more_than_usual():
    adjusted = DEFAULT.replace(sizing_method="volatility_adjusted")
    risks = [only(view_of(slow_atr=0.002 * ratio), adjusted).risk_fraction for ratio in (0.1, 0.5, 0.8, 1.5, 9.0)]
    assert risks == pytest.approx([0.005, 0.005, 0.008, 0.015, 0.015])
    assert only(view_of(slow_atr=math.nan), adjusted).reason == REASONS[rule.NO_VOLATILITY]


def test_a_row_as_json_holds_every_number_and_null_for_the_unknown():
    found = only(view_of(slow_atr=math.nan)).to_json()
    assert found["numbers"]["close"] == 2.0
    assert found["numbers"]["slow_atr"] is None
    assert set(found["numbers"]) >= {"median", "lower", "upper", "scale", "atr", "excess_uncertainty", "round_trip_cost"}


def test_a_filter_that_is_on_without_its_series_is_named_as_neutral_and_one_that_is_off_is_not():
    assert only(view_of()).neutral == ("vix", "sentiment", "volume")
    assert only(view_of()).to_json()["neutral"] == ["vix", "sentiment", "volume"]
    assert only(view_of(), DEFAULT.replace(filter_vix_enabled=False)).neutral == ("sentiment", "volume")
    known = MarketContext(*(np.array([value]) for value in (15.0, 0.5, 0.9, math.nan)))
    nowhere = dataclasses.replace(view_of(), context=known, regime=np.array([-1], np.int8), anomaly=np.array([math.nan]))
    assert only(nowhere).neutral == ("regime", "anomaly", "volume")


def test_a_row_that_does_not_exist_is_refused():
    with pytest.raises(BadInputError, match="decision 1 of 1 does not exist"):
        decide(view_of(), DEFAULT, COSTS).row(1)


def test_the_reasons_are_counted_over_all_rows():
    candles, bands = walk(300, seed=1)
    decisions = decide(market_view(candles, bands, DEFAULT), DEFAULT, COSTS)
    counts = decisions.reason_counts()
    assert sum(counts.values()) == len(decisions) == 300
    assert counts["no forecast"] == 20
    assert counts[REASONS[rule.LONG]] == (decisions.side == 1).sum() > 0


@pytest.mark.parametrize("method", ["fixed_fraction", "volatility_adjusted"])
def test_a_decision_is_the_same_to_the_bit_without_the_rows_after_it(method):
    parameters = DEFAULT.replace(sizing_method=method, sssd_quantile_confidence=0.77)
    candles, bands = walk(400, seed=2)
    whole = decide(market_view(candles, bands, parameters), parameters, COSTS)
    for stop in (21, 22, 23, 150, 163, 255, 256, 257, 399):
        cut = decide(
            market_view(candles.slice(0, stop), bands.select(bands.known_at_us <= candles.known_at_us[stop - 1]), parameters),
            parameters,
            COSTS,
        )
        assert_same_rows(cut, whole.slice(0, stop))


def test_a_decision_is_the_same_to_the_bit_without_the_rows_long_before_it():
    candles, bands = walk(1200, seed=3)
    parameters = DEFAULT.replace(sizing_method="volatility_adjusted")
    whole = decide(market_view(candles, bands, parameters), parameters, COSTS)
    late, past = candles.slice(200, 1200), lookback_candles(candles.timeframe)
    cut = decide(market_view(late, bands.select(bands.known_at_us >= late.known_at_us[0]), parameters), parameters, COSTS)
    assert_same_rows(cut.slice(past, 1000), whole.slice(200 + past, 1200))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 80))
def test_one_row_alone_decides_as_among_others(seed, n):
    candles, bands = walk(n, seed)
    view = market_view(candles, bands, DEFAULT)
    whole = decide(view, DEFAULT, COSTS)
    assert_same_rows(decide(view.slice(n - 1, n), DEFAULT, COSTS), whole.slice(n - 1, n))


def assert_same_rows(mine, theirs):
    for item in dataclasses.fields(Decisions):
        if item.name == "numbers":
            assert all(mine.numbers[name].tobytes() == theirs.numbers[name].tobytes() for name in theirs.numbers)
        else:
            assert getattr(mine, item.name).tobytes() == getattr(theirs, item.name).tobytes(), item.name


def test_the_true_range_average_equals_a_plain_mean_of_the_last_ranges():
    candles, _ = walk(60, seed=4)
    previous = candles.close[:-1]
    ranges = [
        max(high, before) - min(low, before)
        for high, low, before in zip(candles.high[1:], candles.low[1:], previous, strict=True)
    ]
    atr = average_true_range(candles, 10)
    assert np.isnan(atr[:10]).all()
    assert atr[10:] == pytest.approx([np.mean(ranges[i - 10 : i]) for i in range(10, 60)])
    assert np.isnan(average_true_range(candles.slice(0, 5), 10)).all()


def test_confidence_is_interpolated_between_the_calibrated_coverages():
    candles, bands = walk(40, seed=5)
    at = {c: market_view(candles, bands, DEFAULT.replace(sssd_quantile_confidence=c)) for c in (0.8, 0.85, 0.9, 0.95)}
    assert at[0.8].upper[20:].tolist() == bands.upper[:, 1, 3].tolist()
    assert at[0.95].lower[20:].tolist() == bands.lower[:, 1, 5].tolist()
    assert at[0.85].upper[20:] == pytest.approx((at[0.8].upper[20:] + at[0.9].upper[20:]) / 2)


def test_a_view_needs_the_horizon_the_confidence_and_the_candles_of_its_bands():
    candles, bands = walk(40, seed=6)
    with pytest.raises(ParameterError, match=r"sssd_forecast_horizon is 5, but the forecast has only the steps \[1, 4, 24\]"):
        market_view(candles, bands, DEFAULT.replace(sssd_forecast_horizon=5))
    narrow = {name: getattr(bands, name)[:, :, :3] for name in ("lower", "upper", "uncalibrated")}
    narrow = dataclasses.replace(bands, coverages=COVERAGES[:3], **narrow)
    with pytest.raises(ParameterError, match=r"sssd_quantile_confidence is 0\.8, but the bands are calibrated from 0\.5 to 0\.7"):
        market_view(candles, narrow, DEFAULT)
    with pytest.raises(BadInputError, match="5 of 20 bands belong to no candle"):
        market_view(candles.slice(0, 35), bands, DEFAULT)


# For each live parameter: where to start, and the values that must each give another result than the one before.
MOVES = {
    "sssd_forecast_horizon": [1, 4, 24],
    "sssd_quantile_confidence": [0.6, 0.8, 0.95],
    "sssd_uncertainty_threshold": [0.1, 0.2, 0.5],
    "risk_stop_loss_pct": [0.5, 1.5],
    "risk_take_profit_pct": [2.5, 4.0],
    "risk_trailing_stop_pct": [0.5, 1.5],
    "risk_trailing_activation_pct": [0.5, 1.5],
    "risk_atr_multiplier": [1.0, 2.0, 3.0],
    "risk_atr_period": [10, 14, 30],
    "risk_use_trailing_stop": [True, False],
    "risk_use_time_based_exit": [True, False],
    "risk_max_holding_hours": [6, 12],
    "risk_daily_loss_limit_pct": [2.0, 5.0],
    "risk_use_breakeven_stop": [True, False],
    "risk_breakeven_trigger_pct": [0.5, 1.5],
    "sizing_method": ["fixed_fraction", "volatility_adjusted"],
    "sizing_base_risk_pct": [0.5, 1.0, 2.0],
    "sizing_max_position_size_pct": [10.0, 20.0],
    "sizing_confidence_scaling": [True, False],
    "sizing_confidence_min_multiplier": [0.3, 0.7],
    "sizing_confidence_max_multiplier": [1.0, 2.0],
}


# The trailing stop ends a trade before a far target is met.
FROM = {"risk_take_profit_pct": {"risk_use_trailing_stop": False, "sssd_forecast_horizon": 24, "risk_max_holding_hours": 48}}


@pytest.mark.parametrize("name", MOVES)
def test_changing_a_live_parameter_changes_what_is_traded(name):
    candles, bands = walk(1500, seed=8, volatility=0.004)
    # A wide margin, many trades and near stops let sizes, levels and the daily loss all bind at times.
    start = DEFAULT.replace(sizing_max_position_size_pct=50.0, sssd_uncertainty_threshold=0.5, risk_atr_multiplier=1.0)
    start = start.replace(**FROM.get(name, {}))
    seen = []
    for value in MOVES[name]:
        parameters = start.replace(**{name: value})
        decisions = decide(market_view(candles, bands, parameters), parameters, COSTS)
        result = backtest(candles, decisions, execution_parameters(parameters, Timeframe.H1), COSTS)
        seen.append(result.equity.tobytes())
    assert len(set(seen)) == len(MOVES[name]), name


@pytest.mark.parametrize("method", ["fixed_fraction", "volatility_adjusted"])
@pytest.mark.parametrize("scaling", [True, False])
def test_the_risk_of_a_decision_is_what_sizing_says(method, scaling):
    parameters = DEFAULT.replace(sizing_method=method, sizing_confidence_scaling=scaling)
    candles, bands = walk(3000, 5)
    view = market_view(candles, bands, parameters)
    decided = decide(view, parameters, COSTS)
    wanted = decided.side != 0
    threshold = parameters.sssd_uncertainty_threshold
    certainty = np.clip((threshold - decided.numbers["excess_uncertainty"]) / (2.0 * threshold), 0.0, 1.0)
    own = {name.removeprefix("sizing_"): value for name, value in parameters.to_json().items() if name.startswith("sizing_")}
    unread = np.zeros(len(view))
    expected = risk_fraction(
        Edge(unread, unread, unread, unread, unread),
        Conditions(certainty=certainty, usual_volatility=view.slow_atr / view.atr),
        SizingParameters(**own),
    )
    assert wanted.sum() > 100
    assert decided.risk_fraction[wanted].tobytes() == expected[wanted].tobytes()
