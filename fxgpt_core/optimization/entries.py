"""The entries that a parameter set wishes for, and nothing else: what a search plays of `strategy.decision.decide`.

Most candles have neither a move that pays nor a pattern that is believed, and are passed over; of the others each is decided in
one go, by the very functions that `decide` is made of. No text, no number for a person, and the odds later (`strategy.unsized`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.tape import (
    ENTRY_OFFSET,
    PARAMETER_SET,
    PATTERN_LED,
    RANGE,
    RISK_FRACTION,
    STOP_DISTANCE,
    TARGET_DISTANCE,
)
from fxgpt_core.compiled import compiled, inlined, uncounted
from fxgpt_core.portfolio.sizing import Condition, Scaling, SizingParameters, multiplier_of, risk_of, scaling_of
from fxgpt_core.regimes.regime import UNKNOWN
from fxgpt_core.strategy.filters import NOT_REFUSED, Fear, Mood, Traded, VolumeLimits, fear_factor, mood_answer, volume_refusal
from fxgpt_core.strategy.reasons import SIDES
from fxgpt_core.strategy.view import Between, blended
from fxgpt_core.strategy.wishes import Limits, Seen, Shaped, Wish, may_wish, wish_at

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]

_COLUMNS = 7


class Forecasts(NamedTuple):
    """The bands of one horizon at N candles: `move` float64[N], the median's as a fraction; the edges, and where between them."""

    move: FloatArray
    lower: FloatArray
    upper: FloatArray
    place: Between


class Surroundings(NamedTuple):
    """What else is known of N candles; an array is empty where its component is not there."""

    regime: Codes
    anomaly: FloatArray
    vix: FloatArray
    crowd_long: FloatArray
    crowd_confidence: FloatArray
    news: FloatArray
    traded: Traded


class Sized(NamedTuple):
    """What the size of an entry is made of; `fraction` is NaN where the odds make it."""

    fraction: float
    scaling: Scaling


class Filters(NamedTuple):
    """The three market filters, and the code of the only regime that may be entered in, −2 for any."""

    fear: Fear
    mood: Mood
    volume: VolumeLimits
    only: int


ANY_REGIME = -2


class Asked(NamedTuple):
    """What one parameter set asks of the candles."""

    limits: Limits
    filters: Filters
    sized: Sized


class Series(NamedTuple):
    """All columns of N candles that entries of one set are made of."""

    seen: Seen
    forecasts: Forecasts
    around: Surroundings


class Within(NamedTuple):
    """The columns that are made of the candles that are decided alone; `capital` float64[N] is empty where none is shared."""

    shaped: Shaped
    capital: FloatArray


class Entries(NamedTuple):
    """E entries: the candle of each, int64[E], its side int8[E], `rows` float64[E,7] as `backtest.tape.Wishes` and `multiplier`
    float64[E]; the risk of a row is NaN where it waits for the odds.
    """

    at: IntArray
    side: Codes
    rows: FloatArray
    multiplier: FloatArray


def sized_of(parameters: SizingParameters) -> Sized:
    """The parameters as numbers."""
    return Sized(np.nan if parameters.reads_edge else parameters.base_risk_pct / 100.0, scaling_of(parameters))


@compiled
def entries(series: Series, within: Within, asked: Asked, span: tuple[int, int]) -> Entries:
    """The entries at candles [start, stop) of a series."""
    rows = _worth_a_look(series.forecasts.move, within.shaped, asked.limits, span)
    found = Entries(
        np.empty(len(rows), np.int64),
        np.empty(len(rows), np.int8),
        np.empty((len(rows), _COLUMNS)),
        np.empty(len(rows)),
    )
    n = _fill(series, within, asked, span[0], rows, found)
    return Entries(found.at[:n], found.side[:n], found.rows[:n], found.multiplier[:n])


@compiled
def _worth_a_look(move: FloatArray, shaped: Shaped, limits: Limits, span: tuple[int, int]) -> IntArray:
    rows, n = np.empty(span[1] - span[0], np.int64), 0
    for i in range(span[0], span[1]):
        rows[n] = i
        # Counted and not asked: which way it goes is hard to guess for the processor.
        n += may_wish(move[i], shaped.side[i - span[0]], shaped.confidence[i - span[0]], limits)
    return rows[:n].copy()


@uncounted
def _fill(series: Series, within: Within, asked: Asked, first: int, rows: IntArray, found: Entries) -> int:
    """Writes the entries among some candles one behind the other, and says how many there are."""
    seen, forecasts, n = series.seen, series.forecasts, 0
    for i in rows:
        if asked.filters.only != ANY_REGIME and series.around.regime[i] != asked.filters.only:
            continue
        lower, upper = blended(forecasts.lower, i, forecasts.place), blended(forecasts.upper, i, forecasts.place)
        wish = wish_at(seen, i, (forecasts.move[i], lower, upper), within.shaped, i - first, asked.limits)
        side = SIDES[wish.reason]
        if side == 0:
            continue
        refused, mood_factor = _refused(series.around, asked.filters, i, side)
        capital = within.capital[i - first] if len(within.capital) > 0 else 1.0
        if refused or capital <= 0.0:
            continue
        multiplier = multiplier_of(_condition(series, asked, i, wish.certainty, mood_factor, capital), asked.sized.scaling)
        risk = risk_of(asked.sized.fraction, multiplier)
        if np.isnan(asked.sized.fraction) or risk > 0.0:
            found.at[n], found.side[n], found.multiplier[n] = i, side, multiplier
            _write(found.rows[n], wish, risk, seen.atr[i])
            n += 1
    return n


@inlined
def _write(row: FloatArray, wish: Wish, risk: float, atr: float) -> None:
    row[STOP_DISTANCE], row[TARGET_DISTANCE], row[RISK_FRACTION], row[RANGE] = wish.stop, wish.target, risk, atr
    row[ENTRY_OFFSET], row[PATTERN_LED], row[PARAMETER_SET] = 0.0, wish.led, 0.0


@inlined
def _refused(around: Surroundings, filters: Filters, i: int, side: int) -> tuple[bool, float]:
    """Whether an entry is refused whatever its edge, and what the mood makes of its size; see `decision._refused`."""
    refused, factor = False, 1.0
    if len(around.anomaly) > 0 and around.anomaly[i] > 1.0:
        refused = True
    if len(around.vix) > 0:
        refusal, factor = mood_answer(side, around.crowd_long[i], around.crowd_confidence[i], around.news[i], filters.mood)
        refused = refused or refusal != NOT_REFUSED
    if len(around.traded.obv) > 0 and volume_refusal(side, around.traded, i, filters.volume) != NOT_REFUSED:
        refused = True
    return refused, factor


@inlined
def _condition(series: Series, asked: Asked, i: int, certainty: float, mood: float, capital: float) -> Condition[float, int]:
    """What the size at a candle answers to besides the edge."""
    around, seen = series.around, series.seen
    usual = seen.slow_atr[i] / seen.atr[i] if seen.atr[i] > 0.0 else np.nan
    regime = int(around.regime[i]) if len(around.regime) > 0 else UNKNOWN
    fear = fear_factor(around.vix[i], asked.filters.fear) if len(around.vix) > 0 else 1.0
    return Condition(certainty, usual, regime, fear, mood, capital)
