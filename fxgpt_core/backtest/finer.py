"""Which of stop and target came first inside a candle, told by candles of a shorter timeframe; compiled."""

from fxgpt_core.backtest.tape import CLOSE, HIGH, LOW, OPEN, Tape
from fxgpt_core.compiled import uncounted
from fxgpt_core.market.fills import REASON_NONE, Terms
from fxgpt_core.market.positions import STAYS, Candle, Held, Left, left, left_on_entry, reached


@uncounted
def _finer_candle(tape: Tape, row: int, candle: Candle) -> Candle:
    """A finer candle; it has no spread of its own."""
    prices = tape.finer_rows[row]
    return Candle(
        candle.number,
        prices[OPEN],
        prices[HIGH],
        prices[LOW],
        prices[CLOSE],
        candle.spread,
        candle.spread,
        candle.conversion,
    )


@uncounted
def left_by_finer(tape: Tape, candle: Candle, held: Held, terms: Terms, end: Left) -> Left:
    """How the finer candles leave the position; `end`, what the candle says, if none of them touches stop or target."""
    for row in range(tape.finer_first[candle.number], tape.finer_stop[candle.number]):
        seen = left(_finer_candle(tape, row, candle), held, terms)
        if seen.reason != REASON_NONE:
            return seen
    return end


@uncounted
def left_on_entry_by_finer(tape: Tape, candle: Candle, order: Held, held: Held, terms: Terms) -> Left:
    """The same in the candle of the entry: finer candles before the one that reached the order do not count."""
    end, is_in = STAYS, False
    for row in range(tape.finer_first[candle.number], tape.finer_stop[candle.number]):
        finer = _finer_candle(tape, row, candle)
        if is_in:
            end = left(finer, held, terms)
        elif reached(finer, order, terms)[0] > 0.0:
            is_in, end = True, left_on_entry(finer, held, terms)
        if end.reason != REASON_NONE:
            return end
    return end if is_in else left_on_entry(candle, held, terms)
