"""What a candle does to a position: the quick question and the long answer agree."""

from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.market.fills import REASON_NONE, REASON_STOP, Terms
from fxgpt_core.market.positions import NOTHING, Candle, Held, left, touches

PRICES = st.integers(90, 110).map(float)
SPREADS = st.integers(0, 6).map(float)


@st.composite
def candles(draw: st.DrawFn) -> Candle:
    open_, close, *others = (draw(PRICES) for _ in range(4))
    low, high = min(open_, close, *others), max(open_, close, *others)
    return Candle(1, open_, high, low, close, draw(SPREADS), draw(SPREADS), 1.0)


@st.composite
def positions(draw: st.DrawFn) -> Held:
    side = draw(st.sampled_from([1, -1]))
    below, above = draw(st.integers(85, 100).map(float)), draw(st.integers(101, 115).map(float))
    stop, target = (below, above) if side > 0 else (above, below)
    return NOTHING._replace(side=side, units=1, entry=100.0, stop=stop, target=target, stop_reason=REASON_STOP)


@settings(deadline=None)  # the first example compiles
@given(candles(), positions(), st.booleans())
def test_a_candle_touches_a_position_exactly_when_it_does_not_stay(candle: Candle, held: Held, parity: bool):
    if parity:  # one price, no spread between bid and ask
        candle = candle._replace(open_spread=0.0, spread=0.0)
    terms = Terms(cash=1_000.0, leverage=30.0, parity=parity)
    assert touches(candle, held) == (left(candle, held, terms).reason != REASON_NONE)


def test_a_short_is_touched_by_the_ask():
    held = NOTHING._replace(side=-1, units=1, entry=100.0, stop=105.0, target=90.0)
    candle = Candle(1, 100.0, 104.0, 95.0, 100.0, 0.0, 1.0, 1.0)
    assert touches(candle, held)
    assert not touches(candle._replace(spread=0.5), held)
    falls = candle._replace(high=101.0, low=90.0)
    assert not touches(falls, held)
    assert touches(falls._replace(spread=0.0), held)
