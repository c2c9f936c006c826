"""Signals: causal to the last bit, from a bounded past; each parameter moves them; filters do what they say."""

from dataclasses import fields, replace

import numpy as np
import pytest
from pattern_examples import candles_of, random_walk, sample

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError, ParameterError
from fxgpt_core.market.timeframes import HOUR_US
from fxgpt_core.patterns.events import events
from fxgpt_core.patterns.names import CONTINUATIONS, NO_PATTERN, PATTERN_NAMES
from fxgpt_core.patterns.parameters import RANGES, PatternParameters
from fxgpt_core.patterns.signals import PATTERN_LOOKBACK, PatternSignals, patterns_of
from fxgpt_core.regimes.regime import RANGING, TRENDING_DOWN, TRENDING_UP, UNKNOWN, VOLATILE

COLUMNS = [item.name for item in fields(PatternSignals)]
OPEN_DOORS = PatternParameters(
    use_volume_confirmation=False, timeframe_alignment=False, momentum_confirmation=False, confidence_threshold=0.5
)
LARGEST = replace(
    OPEN_DOORS, lookback_period=100, min_pattern_size=10, max_pattern_size=30, breakout_retest_bars=8, max_age_bars=50,
    target_multiplier=3.0, stop_loss_multiplier=1.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def candles():
    return sample()


@pytest.fixture(scope="module")
def regime(candles):
    """Made-up regimes that last: by the sign and size of the last fifty candles' move."""
    moved = np.zeros(len(candles))
    moved[50:] = candles.close[50:] / candles.close[:-50] - 1.0
    told = np.select([moved > 0.006, moved < -0.006, np.abs(moved) < 0.002], [TRENDING_UP, TRENDING_DOWN, RANGING], VOLATILE)
    return np.where(np.arange(len(candles)) < 60, UNKNOWN, told).astype(np.int8)


def rows_of(signals: PatternSignals, rows: slice) -> list[bytes]:
    return [getattr(signals, name)[rows].tobytes() for name in COLUMNS]


def anywhere(rng: np.random.Generator) -> PatternParameters:
    """A set drawn from the ranges."""
    drawn = {}
    for item in fields(PatternParameters):
        if item.name in RANGES:
            low, high = RANGES[item.name]
            whole = isinstance(item.default, int)
            drawn[item.name] = int(rng.integers(low, high + 1)) if whole else float(rng.uniform(low, high))
        else:
            drawn[item.name] = bool(rng.integers(2))
    return PatternParameters(**drawn)


@pytest.mark.parametrize("seed", range(8))
def test_no_signal_changes_when_the_future_is_cut_off(candles, regime, seed):
    rng = np.random.default_rng(seed)
    parameters = anywhere(rng) if seed else LARGEST
    whole = patterns_of(candles, parameters, regime)
    for stop in rng.integers(1, len(candles), 6):
        part = patterns_of(candles.slice(0, stop), parameters, regime[:stop])
        assert rows_of(part, slice(None)) == rows_of(whole, slice(0, stop))


@pytest.mark.parametrize("seed", range(8))
def test_a_row_is_bit_equal_from_the_lookback_alone(candles, regime, seed):
    rng = np.random.default_rng(seed)
    parameters = anywhere(rng) if seed else LARGEST
    whole = patterns_of(candles, parameters, regime)
    signalled = np.flatnonzero(whole.side[PATTERN_LOOKBACK:]) + PATTERN_LOOKBACK
    for row in np.concatenate((rng.choice(signalled, 30), rng.integers(PATTERN_LOOKBACK, len(candles), 10))):
        past = slice(row - PATTERN_LOOKBACK, row + 1)
        part = patterns_of(candles.slice(past.start, past.stop), parameters, regime[past])
        assert rows_of(part, slice(-1, None)) == rows_of(whole, slice(row, row + 1))


def test_the_scale_of_prices_moves_distances_and_nothing_else(candles):
    doubled = CandleArrays(
        candles.open_time_us, 2 * candles.open, 2 * candles.high, 2 * candles.low, 2 * candles.close, 2 * candles.volume,
        candles.timeframe,
    )  # fmt: skip
    one, two = patterns_of(candles, OPEN_DOORS), patterns_of(doubled, OPEN_DOORS)
    for name in ("side", "confidence", "kind", "age"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
    assert (2 * one.stop_distance).tobytes() == two.stop_distance.tobytes()


SWITCHES = [item.name for item in fields(PatternParameters) if item.name not in RANGES]
CARRIED = ("trailing_activation_pct", "trailing_step_pct")
# What a larger value does to the number of candles with a signal; the others change which they are.
COUNTS = {"confidence_threshold": -1, "volume_threshold": -1, "max_age_bars": 1, "regime_confirmation_bars": -1}
# A switch that is on refuses some.
REFUSING = ("use_volume_confirmation", "use_regime_filter", "timeframe_alignment", "momentum_confirmation")


@pytest.mark.parametrize("name", [item.name for item in fields(PatternParameters) if item.name not in CARRIED])
def test_each_parameter_moves_a_signal(candles, regime, name):
    low, high = RANGES.get(name, (False, True))
    few, many = (patterns_of(candles, replace(PatternParameters(), **{name: value}), regime) for value in (low, high))
    assert rows_of(few, slice(None)) != rows_of(many, slice(None))
    changed = int((many.side != 0).sum()) - int((few.side != 0).sum())
    if name in COUNTS:
        assert np.sign(changed) == COUNTS[name]
    if name in REFUSING:
        assert changed < 0
    if name == "target_multiplier":
        both = (few.side != 0) & (few.kind == many.kind) & (few.age == many.age)
        assert both.any()
        assert many.target_distance[both] == pytest.approx(3.0 * few.target_distance[both])
        assert many.stop_distance[both] == pytest.approx(few.stop_distance[both])
    if name == "stop_loss_multiplier":
        both = (few.side != 0) & (few.kind == many.kind) & (few.age == many.age)
        assert many.stop_distance[both] == pytest.approx(3.0 * few.stop_distance[both])


@pytest.mark.parametrize("name", CARRIED)
def test_what_runs_a_position_is_only_carried(candles, name):
    low, high = RANGES[name]
    few, many = (patterns_of(candles, replace(PatternParameters(), **{name: value})) for value in (low, high))
    assert rows_of(few, slice(None)) == rows_of(many, slice(None))
    assert getattr(PatternParameters(**{name: high}), name) == high


@pytest.mark.parametrize("name", RANGES)
def test_a_value_out_of_its_range_is_refused_with_the_range(name):
    low, high = RANGES[name]
    for value in (low - 0.01, high + 1, float("nan"), True, "5"):
        with pytest.raises(ParameterError, match=f"{name} is .* from {low} to {high} is allowed"):
            PatternParameters(**{name: value})


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_is_true_or_false(name):
    with pytest.raises(ParameterError, match=f"{name} is 1; it is a switch"):
        PatternParameters(**{name: 1})


def continues(signals: PatternSignals) -> np.ndarray:
    return np.isin(signals.kind, [PATTERN_NAMES.index(name) for name in CONTINUATIONS])


def test_a_regime_refuses_what_goes_against_it(candles):
    free = patterns_of(candles, OPEN_DOORS)
    assert {-1, 1} <= set(free.side.tolist())
    assert continues(free).any()
    for code, refused in ((TRENDING_UP, free.side < 0), (TRENDING_DOWN, free.side > 0), (RANGING, continues(free))):
        told = patterns_of(candles, OPEN_DOORS, np.full(len(candles), code, np.int8))
        allowed = free.side != 0
        allowed[refused | (np.arange(len(candles)) < OPEN_DOORS.regime_confirmation_bars - 1)] = False
        # What is best and allowed stays; where it is not, the best of the rest may come in, on the side that is allowed.
        assert (told.side[allowed] == free.side[allowed]).all()
        assert not ((told.side != 0) & (told.side == -1 if code == TRENDING_UP else told.side == 1)).any() or code == RANGING
        assert code != RANGING or not continues(told).any()
    volatile = patterns_of(candles, OPEN_DOORS, np.full(len(candles), VOLATILE, np.int8))
    assert rows_of(volatile, slice(4, None)) == rows_of(free, slice(4, None))


def test_an_unknown_regime_refuses_nothing(candles):
    unknown = np.full(len(candles), UNKNOWN, np.int8)
    assert rows_of(patterns_of(candles, OPEN_DOORS, unknown), slice(None)) == rows_of(
        patterns_of(candles, OPEN_DOORS), slice(None)
    )


def test_a_regime_counts_when_it_has_lasted(candles):
    turning = np.where(np.arange(len(candles)) // 4 % 2, VOLATILE, TRENDING_UP).astype(np.int8)
    assert not patterns_of(candles, replace(OPEN_DOORS, regime_confirmation_bars=5), turning).side.any()
    lasting = patterns_of(candles, replace(OPEN_DOORS, regime_confirmation_bars=4), turning)
    assert set(np.flatnonzero(lasting.side) % 4) == {3}


def test_volume_that_nobody_tells_refuses_nothing(candles):
    silent = CandleArrays(
        candles.open_time_us, candles.open, candles.high, candles.low, candles.close, np.zeros(len(candles)), candles.timeframe
    )
    asked = patterns_of(silent, replace(OPEN_DOORS, use_volume_confirmation=True))
    assert rows_of(asked, slice(None)) == rows_of(patterns_of(silent, OPEN_DOORS), slice(None))


def test_signals_are_on_the_side_of_momentum_and_of_the_longer_trend(candles):
    signals = patterns_of(candles, replace(OPEN_DOORS, timeframe_alignment=True, momentum_confirmation=True))
    at = np.flatnonzero(signals.side)
    assert len(at) > 100
    for row in at:
        longer = candles.close[row - 76 : row + 1 : 4]
        assert len(longer) == 20
        assert (
            np.sign(candles.close[row] - longer.mean())
            == signals.side[row]
            == np.sign(candles.close[row] - candles.close[row - 14])
        )


def test_every_signal_comes_from_a_confirmed_event_that_is_not_too_old(candles):
    parameters = replace(PatternParameters(), max_age_bars=7)
    signals, table = patterns_of(candles, parameters), events(candles, parameters)
    known = {(row["kind"], row["side"], row["completed_row"]): row for row in table.to_dicts() if row["fate"] == "confirmed"}
    at = np.flatnonzero(signals.side)
    assert len(at) > 100
    for row in at:
        event = known[PATTERN_NAMES[signals.kind[row]], signals.side[row], row - signals.age[row]]
        assert event["confirmed_row"] <= row
        assert signals.age[row] <= 7
        assert event["volume"] >= parameters.volume_threshold
        assert signals.stop_distance[row] == pytest.approx(event["height"])
        # Fading takes at most half, agreement adds at most half of what is missing.
        assert 0.5 * event["confidence"] * 0.5 <= signals.confidence[row] <= 0.5 + 0.5 * event["confidence"]


def test_without_a_signal_every_column_says_so(candles):
    signals = patterns_of(candles, PatternParameters(confidence_threshold=0.9))
    none = signals.side == 0
    assert none.any()
    assert (signals.confidence[none] == 0.0).all()
    assert (signals.kind[none] == NO_PATTERN).all()
    assert (signals.age[none] == -1).all()
    assert np.isnan(signals.stop_distance[none]).all()
    assert (signals.confidence[~none] >= 0.9).all()


def test_behind_a_hole_everything_begins_anew(candles):
    apart = CandleArrays(
        np.concatenate((candles.open_time_us[:2000], candles.open_time_us[2000:] + 20 * 7 * 24 * HOUR_US)),
        candles.open, candles.high, candles.low, candles.close, candles.volume, candles.timeframe,
    )  # fmt: skip
    signals = patterns_of(apart, OPEN_DOORS)
    before, behind = (patterns_of(apart.slice(*span), OPEN_DOORS) for span in ((0, 2000), (2000, 5000)))
    assert rows_of(signals, slice(0, 2000)) == rows_of(before, slice(None))
    assert rows_of(signals, slice(2000, None)) == rows_of(behind, slice(None))
    table = events(apart, OPEN_DOORS)
    assert not ((table["first_row"] < 2000) & (table["confirmed_row"] >= 2000)).any()
    assert set(table["kind"]) == set(events(candles, OPEN_DOORS)["kind"])


def test_regimes_of_another_number_of_candles_are_refused(candles):
    with pytest.raises(BadInputError, match="3 regimes were given for 5000 candles"):
        patterns_of(candles, PatternParameters(), np.zeros(3, np.int8))


def test_few_or_flat_candles_have_no_signal():
    for candles in (sample(1), random_walk(20, 0).slice(0, 12), candles_of(np.full(300, 1.1))):
        signals = patterns_of(candles, OPEN_DOORS)
        assert len(signals) == len(candles)
        assert not signals.side.any()
    assert len(patterns_of(sample(1).slice(0, 0), OPEN_DOORS)) == 0
