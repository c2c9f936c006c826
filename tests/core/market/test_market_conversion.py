"""Quote currency to account currency: triangles by hand, an as-of oracle row by row, and what is refused."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.conversion import CURRENCIES, Closes, conversion_series, joining_symbol
from fxgpt_core.market.symbols import SYMBOLS, symbol
from fxgpt_core.market.timeframes import HOUR_US


def us(*stamp: int) -> int:
    return int(datetime(*stamp, tzinfo=UTC).timestamp()) * 1_000_000


TUESDAY = us(2021, 1, 12)


def closes(name: str, prices: list[float], hours: list[int] | None = None) -> Closes:
    at = np.arange(len(prices)) if hours is None else np.array(hours)
    return Closes(symbol(name), TUESDAY + at.astype(np.int64) * HOUR_US, np.array(prices))


def test_an_account_in_the_quote_currency_converts_nothing() -> None:
    assert conversion_series(closes("EURUSD", [1.1, 1.2]), "USD").tolist() == [1.0, 1.0]


def test_an_account_in_the_base_currency_divides_by_the_close() -> None:
    assert conversion_series(closes("USDJPY", [100.0, 125.0]), "USD").tolist() == [0.01, 0.008]


def test_a_pound_of_eurgbp_is_worth_gbpusd_dollars() -> None:
    converted = conversion_series(closes("EURGBP", [0.85, 0.86]), "USD", closes("GBPUSD", [1.25, 1.30]))
    assert converted.tolist() == [1.25, 1.30]


def test_a_yen_of_eurjpy_is_worth_one_over_usdjpy_dollars() -> None:
    converted = conversion_series(closes("EURJPY", [130.0, 131.0]), "USD", closes("USDJPY", [100.0, 125.0]))
    assert converted.tolist() == [0.01, 0.008]


def test_a_profit_of_one_pip_is_the_same_by_either_side_of_a_triangle() -> None:
    # 10,000 EURJPY, one pip: 100 yen. At 125 yen a dollar 0.80 dollars; at 1.20 dollars a euro 0.6667 euros, as by EURJPY at 150.
    in_dollars = 100 * conversion_series(closes("EURJPY", [150.0]), "USD", closes("USDJPY", [125.0]))[0]
    in_euros = 100 * conversion_series(closes("EURJPY", [150.0]), "EUR")[0]
    assert in_dollars == pytest.approx(0.80)
    assert in_euros == pytest.approx(in_dollars / 1.20)


@pytest.mark.parametrize(
    ("name", "account", "joining"),
    [("EURGBP", "USD", "GBPUSD"), ("EURJPY", "USD", "USDJPY"), ("EURUSD", "GBP", "GBPUSD"), ("XAUUSD", "EUR", "EURUSD")],
)
def test_the_symbol_to_give_is_the_one_that_joins_both_currencies(name: str, account: str, joining: str) -> None:
    found = joining_symbol(symbol(name), account)
    assert found is not None
    assert found.name == joining


def test_every_pair_can_be_kept_in_every_major_currency() -> None:
    for one in SYMBOLS.values():
        for currency in CURRENCIES - {"XAU"}:
            found = joining_symbol(one, currency)
            assert (found is None) == (currency in (one.base, one.quote))
            assert found is None or {found.base, found.quote} == {one.quote, currency}


def test_a_close_counts_from_the_moment_it_is_known_and_until_the_next() -> None:
    cross = closes("GBPUSD", [1.1, 1.2, 1.3], hours=[0, 2, 5])
    converted = conversion_series(closes("EURGBP", [0.9] * 6, hours=[0, 1, 2, 3, 4, 6]), "USD", cross)
    assert converted.tolist() == [1.1, 1.1, 1.2, 1.2, 1.2, 1.3]


@given(st.data())
def test_no_conversion_knows_a_later_close(data: st.DataObject) -> None:
    hour = st.integers(0, 30)
    own = sorted(data.draw(st.sets(hour, min_size=1)))
    theirs = sorted({0} | data.draw(st.sets(hour, min_size=1)))
    prices = data.draw(st.lists(st.floats(0.5, 2.0), min_size=len(theirs), max_size=len(theirs)))
    rows, cross = closes("EURGBP", [0.9] * len(own), own), closes("GBPUSD", prices, theirs)
    expected = [[price for hour, price in zip(theirs, prices, strict=True) if hour <= at][-1] for at in own]
    assert conversion_series(rows, "USD", cross).tolist() == expected
    # Polars joins alike.
    left = pl.DataFrame({"at": rows.known_at_us})
    right = pl.DataFrame({"at": cross.known_at_us, "price": cross.close})
    assert left.join_asof(right, on="at")["price"].to_list() == expected


def test_the_weekend_makes_no_close_stale_and_a_hole_of_more_than_two_open_days_does() -> None:
    friday, monday = us(2021, 1, 15, 22), us(2021, 1, 18, 22)
    cross = Closes(symbol("GBPUSD"), np.array([friday]), np.array([1.25]))
    over_the_weekend = Closes(symbol("EURGBP"), np.array([monday, monday + 24 * HOUR_US]), np.array([0.9, 0.9]))
    assert conversion_series(over_the_weekend, "USD", cross).tolist() == [1.25, 1.25]
    too_late = Closes(symbol("EURGBP"), np.array([monday, monday + 25 * HOUR_US]), np.array([0.9, 0.9]))
    with pytest.raises(BadInputError, match=r"GBPUSD known at 2021-01-19 23:00 is 49.0 hours .* at most 48 are"):
        conversion_series(too_late, "USD", cross)
    with pytest.raises(BadInputError, match=r"GBPUSD known at 2021-01-18 22:00 is 24.0 hours .* at most 23 are"):
        conversion_series(over_the_weekend, "USD", cross, stale_after=timedelta(hours=23))


def test_a_missing_cross_is_named() -> None:
    with pytest.raises(BadInputError, match="no other closes found to convert EURGBP into USD; needed: the closes of GBPUSD"):
        conversion_series(closes("EURGBP", [0.9]), "USD")


def test_a_cross_that_joins_other_currencies_or_is_not_needed_is_refused() -> None:
    with pytest.raises(
        BadInputError, match="the closes of EURUSD found to convert EURGBP into USD; needed: the closes of GBPUSD"
    ):
        conversion_series(closes("EURGBP", [0.9]), "USD", closes("EURUSD", [1.1]))
    with pytest.raises(BadInputError, match="the closes of GBPUSD found to convert EURUSD into USD; needed: none"):
        conversion_series(closes("EURUSD", [1.1]), "USD", closes("GBPUSD", [1.3]))


def test_an_account_in_an_unknown_currency_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(BadInputError, match="an account in 'SEK'; known currencies: AUD, CAD"):
        conversion_series(closes("EURGBP", [0.9]), "SEK")


def test_a_cross_that_begins_after_the_candles_is_refused() -> None:
    with pytest.raises(BadInputError, match="GBPUSD has no close known at 2021-01-12 00:00 or before"):
        conversion_series(closes("EURGBP", [0.9, 0.9]), "USD", closes("GBPUSD", [1.3], hours=[1]))


@pytest.mark.parametrize(
    ("prices", "hours"),
    [([1.1, 0.0], [0, 1]), ([1.1, np.nan], [0, 1]), ([1.1, 1.2], [1, 1]), ([1.1, 1.2], [1, 0]), ([1.1], [0, 1])],
)
def test_closes_without_order_or_price_are_refused(prices: list[float], hours: list[int]) -> None:
    with pytest.raises(BadInputError, match="closes of EURUSD at"):
        closes("EURUSD", prices, hours)
