"""What a broker charges, for each candle: by hand for a few candles around a roll."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.charge_values import WANTED
from fxgpt_core.market.charges import Charges, KnownCandle, account_charges, charged, charged_last
from fxgpt_core.market.conversion import Closes
from fxgpt_core.market.spreads import session_spreads
from fxgpt_core.market.swaps import SwapRates
from fxgpt_core.market.symbols import symbol
from fxgpt_core.market.timeframes import HOUR_US

NOON_US = 1_515_582_000_000_000  # Wednesday 2018-01-10 11:00 UTC, so that 17:00 New York is 11 candles later
N = 14


def hourly(name, price=1.2, n=N):
    open_us = NOON_US + np.arange(n, dtype=np.int64) * HOUR_US
    return Closes(symbol(name), open_us + HOUR_US, np.full(n, price)), open_us


def test_a_candle_that_tells_no_spread_pays_what_is_usual_at_its_open_and_in_its_middle():
    closes, open_us = hourly("EURUSD")
    found = charged(closes, open_us, Charges())
    assert np.array_equal(found.open_spread, session_spreads(closes.symbol, open_us))
    assert np.array_equal(found.spread, session_spreads(closes.symbol, open_us + HOUR_US // 2))
    assert found.open_spread[11] == pytest.approx(4.0 * 0.8 * 0.0001)
    assert found.open_spread[0] == pytest.approx(0.8 * 0.0001)


def test_a_known_spread_counts_within_its_candle_and_at_the_open_of_the_next():
    closes, open_us = hourly("EURUSD")
    spread = np.full(N, 0.0003)
    spread[4] = np.nan
    found = charged(closes, open_us, Charges(spread_multiplier=2.0), spread=spread)
    assert found.spread[[3, 5]].tolist() == [0.0006, 0.0006]
    assert found.open_spread[[1, 4, 6]].tolist() == [0.0006] * 3
    usual = 2.0 * session_spreads(closes.symbol, open_us)
    assert found.open_spread[[0, 5]].tolist() == usual[[0, 5]].tolist()
    assert found.spread[4] == pytest.approx(2.0 * session_spreads(closes.symbol, open_us[4:5] + HOUR_US // 2)[0])


def test_the_night_of_a_wednesday_is_charged_three_times_at_seventeen_new_york():
    closes, open_us = hourly("EURUSD")
    found = charged(closes, open_us, Charges(swap=SwapRates(0.04, -0.02)))
    assert np.flatnonzero(found.swap_long).tolist() == [11]
    assert found.swap_long[11] == pytest.approx(1.2 * 0.04 * 3 / 365)
    assert found.swap_short[11] == pytest.approx(-1.2 * 0.02 * 3 / 365)


def test_money_of_an_account_in_another_currency():
    yen, open_us = hourly("USDJPY", 110.0)
    assert charged(yen, open_us, Charges(commission_per_lot=3.5)).conversion.tolist() == [1.0 / 110.0] * N
    assert charged(yen, open_us, Charges(commission_per_lot=3.5)).unit_commission == pytest.approx(3.5e-5)
    pound, _ = hourly("EURGBP", 0.88)
    dollars, _ = hourly("GBPUSD", 1.35)
    assert charged(pound, open_us, Charges(), cross=dollars).conversion.tolist() == [1.35] * N
    with pytest.raises(BadInputError, match="GBPUSD"):
        charged(pound, open_us, Charges())


def test_what_does_not_depend_on_the_candle_is_handed_on():
    closes, open_us = hourly("EURUSD")
    charges = Charges(commission=0.0001, slippage=0.1, impact=0.2, depth=1e6, stop_out=0.3)
    found = charged(closes, open_us, charges)
    assert (found.commission, found.slippage, found.impact, found.depth, found.stop_out) == (0.0001, 0.1, 0.2, 1e6, 0.3)


def test_open_times_of_other_candles_are_refused():
    closes, open_us = hourly("EURUSD")
    with pytest.raises(BadInputError, match="13 open times found for 14 closes"):
        charged(closes, open_us[1:], Charges())


def test_costs_of_one_candle_are_those_of_the_series_that_ends_with_it():
    rng = np.random.default_rng(3)
    closes, open_us = hourly("USDCAD", n=200)
    closes = Closes(closes.symbol, closes.known_at_us, 1.2 + rng.normal(0, 0.01, 200))
    spread = np.where(rng.random(200) < 0.5, np.nan, rng.uniform(0.0001, 0.0003, 200))
    charges = Charges(swap=SwapRates(0.05, -0.03), spread_multiplier=1.7, commission_per_lot=2.0, slippage=0.3)
    series = charged(closes, open_us, charges, spread=spread)
    rows = [
        KnownCandle(*map(int, times), float(close), None if np.isnan(told) else float(told))
        for times, close, told in zip(zip(open_us, closes.known_at_us, strict=True), closes.close, spread, strict=True)
    ]
    assert (series.swap_long != 0.0).sum() > 3
    for i, row in enumerate(rows):
        one = charged_last(closes.symbol, row, rows[i - 1] if i else None, charges)
        for name in ("spread", "open_spread", "swap_long", "swap_short"):
            assert getattr(one, name).tolist() == [getattr(series, name)[i]]
        assert (one.unit_commission, one.slippage, one.stop_out) == (series.unit_commission, series.slippage, series.stop_out)


def test_charges_come_back_from_json():
    charges = Charges(account_currency="EUR", commission_per_lot=3.0, swap=SwapRates(0.01, -0.02))
    assert Charges.from_json(json.loads(json.dumps(asdict(charges)))) == charges


def test_an_account_s_own_numbers_are_read_and_what_is_not_named_stays_at_its_default():
    own = {"account_currency": "eur", "commission": 0, "commission_per_lot": 3.5, "swap": {"long": 0.031, "short": -0.012}}
    expected = Charges(account_currency="EUR", commission=0.0, commission_per_lot=3.5, swap=SwapRates(0.031, -0.012))
    assert Charges.from_json(own) == expected
    assert (expected.slippage, expected.depth, expected.stop_out) == (0.25, 5_000_000.0, 0.5)
    assert Charges.from_json({}) == Charges()
    assert isinstance(Charges.from_json(own).commission, float)


def test_every_charge_that_is_allowed_is_one_of_an_account_and_can_be_named():
    every = Charges("GBP", 0.0001, 2.0, 0.3, 0.4, 1e6, SwapRates(0.02, 0.03), 0.2, 1.5)
    assert list(every.to_json()) == list(WANTED)
    for name, value in every.to_json().items():
        assert getattr(Charges.from_json({name: value}), name) == getattr(every, name) != getattr(Charges(), name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("commission", bad) for bad in (-0.1, 0.1, 3.5, float("nan"), "0.1", None, True)),
        *(("commission_per_lot", bad) for bad in (-1, float("inf"), 10**400, [3.5])),
        *(("slippage", bad) for bad in (-0.25, float("inf"))),
        *(("impact", bad) for bad in (-0.5, float("nan"))),
        *(("depth", bad) for bad in (0, -1.0, float("inf"))),
        *(("stop_out", bad) for bad in (-0.5, 50, float("nan"))),
        *(("spread_multiplier", bad) for bad in (-1.0, float("inf"), "2")),
        *(("account_currency", bad) for bad in ("EURO", "", "E R", "€UR", 978, None)),
        *(("swap", bad) for bad in (0.01, {"long": 0.01}, {"long": 0.01, "short": "0"}, {"long": 0.0, "short": 0.0, "roll": 1})),
    ],
)
def test_a_charge_no_account_has_is_refused_with_what_was_found_and_what_is_needed(name, value):
    with pytest.raises(BadInputError, match=rf"^{name} of the charges is .*; needed: .*; correct it, or leave it out") as refused:
        Charges.from_json({name: value})
    assert WANTED[name] in str(refused.value)
    assert repr(value) in str(refused.value)


def test_numbers_are_checked_where_no_json_is_read_too():
    with pytest.raises(BadInputError, match=r"depth of the charges is 0\.0; needed: units, above 0"):
        Charges(depth=0.0)
    with pytest.raises(BadInputError, match=r"swap rate of a short position is 3\.1"):
        Charges.from_json({"swap": {"long": 0.01, "short": 3.1}})


def test_an_unknown_charge_is_refused_with_every_name_that_is_known():
    with pytest.raises(
        BadInputError, match=r"charges name comission, fee; allowed are account_currency \(three letters"
    ) as refused:
        Charges.from_json({"fee": 1, "comission": 0.1, "depth": 1.0})
    assert all(f"{name} ({wanted})" in str(refused.value) for name, wanted in WANTED.items())
    with pytest.raises(BadInputError, match="charges are a list; an object of names and values is needed"):
        Charges.from_json([3.5])


def test_an_account_s_currency_is_that_asked_for_or_that_of_its_charges():
    assert account_charges(None, None) == Charges()
    assert account_charges("eur", None) == Charges(account_currency="EUR")
    assert account_charges("EUR", {"impact": 0.1}) == Charges(account_currency="EUR", impact=0.1)
    assert account_charges(None, {"account_currency": "GBP"}) == account_charges("gbp", {"account_currency": "GBP"})
    with pytest.raises(BadInputError, match="an account in USD is asked for, and its charges are in EUR"):
        account_charges("USD", {"account_currency": "EUR"})
