"""What quotes tell of spread and clock, by numbers worked out by hand."""

from fxgpt_core.brokers.broker import Quote
from fxgpt_core.live.quote_watch import QuoteWatch

SECOND_US = 1_000_000


def quote(made_us: int, spread: float = 0.0001) -> Quote:
    return Quote(spread, 1.0, 1.1, 1.1 + spread, made_us)


def test_quotes_first_prices_of_a_connection_say_nothing_of_the_clock() -> None:
    """Last prices of three symbols, two days old, come in three seconds after a weekend; then one 0.2 s old each second."""
    watch, names = QuoteWatch(), ("EURUSD", "GBPUSD", "USDJPY")
    for second in range(4):
        now_us = second * SECOND_US
        watch.look([(name, quote(now_us - 100_000)) for name in names], now_us, connection=1)
    assert watch.skew_us == 100_000
    monday_us = 2 * 86_400 * SECOND_US
    for second, name in enumerate(names):
        watch.look([(name, quote(second))], monday_us + second * SECOND_US, connection=2)
        assert watch.skew_us is None
    for second in range(4, 7):
        now_us = monday_us + second * SECOND_US
        watch.look([("EURUSD", quote(now_us - 200_000))], now_us, connection=2)
    assert watch.skew_us == 200_000


def test_quotes_skew_is_the_least_delay_and_the_price_that_stands_still_adds_none() -> None:
    watch = QuoteWatch()
    for second, delay_s in enumerate((9.0, 3.0, 1.5, 4.0)):
        watch.look([("EURUSD", quote(int((second - delay_s) * SECOND_US)))], second * SECOND_US)
    assert watch.skew_us == 1_500_000  # the first one, of 9 s, was there before anybody looked
    still = quote(int((3 - 4.0) * SECOND_US))
    for second in range(4, 200):
        watch.look([("EURUSD", still)], second * SECOND_US)
    assert watch.skew_us == 1_500_000
    watch.look([("EURUSD", still)], 400 * SECOND_US)
    assert watch.skew_us is None


def test_quotes_median_is_of_an_hour_a_sample_a_second_and_needs_ten_minutes() -> None:
    watch = QuoteWatch()
    for second in range(600):
        watch.look([("EURUSD", quote(second, 0.0002))], second * SECOND_US)
    assert watch.usual_spread("EURUSD") is None
    watch.look([("EURUSD", quote(600, 0.0002))], 600 * SECOND_US)
    assert abs((watch.usual_spread("EURUSD") or 0.0) - 0.0002) < 1e-12
    for second in range(601, 601 + 3600):
        for _ in range(3):  # looked at more often: no more samples
            watch.look([("EURUSD", quote(second, 0.0004 if second > 2500 else 0.0003))], second * SECOND_US)
    # Of the last hour, from second 600 on, 1,900 samples are of 3 pips at most and 1,700 of 4.
    assert abs((watch.usual_spread("EURUSD") or 0.0) - 0.0003) < 1e-12
    assert watch.usual_spread("GBPUSD") is None


def test_quotes_without_a_side_or_a_time_are_left_aside() -> None:
    watch = QuoteWatch()
    for second in range(700):
        watch.look([("EURUSD", Quote(0.1, 1.0, None, 1.1, second)), ("GBPUSD", Quote(0.1, 1.0))], second * SECOND_US)
    assert (watch.skew_us, watch.usual_spread("EURUSD"), watch.usual_spread("GBPUSD")) == (None, None, None)
