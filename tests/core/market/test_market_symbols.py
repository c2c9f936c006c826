from itertools import combinations

import pytest

from fxgpt_core.errors import UnknownSymbolError
from fxgpt_core.market.symbols import SYMBOLS, symbol

CURRENCIES = ("EUR", "GBP", "AUD", "NZD", "USD", "CAD", "CHF", "JPY")


def test_every_pair_of_the_eight_major_currencies_is_there_once() -> None:
    pairs = {frozenset((entry.base, entry.quote)) for entry in SYMBOLS.values() if entry.name != "XAUUSD"}
    assert pairs == {frozenset(pair) for pair in combinations(CURRENCIES, 2)}
    assert len(SYMBOLS) == 29


@pytest.mark.parametrize("entry", SYMBOLS.values(), ids=str)
def test_a_name_is_base_and_quote_and_a_pip_is_ten_of_the_smallest_price_steps(entry: object) -> None:
    assert entry.name == entry.base + entry.quote
    assert entry.pip == pytest.approx(10.0 * 10.0**-entry.digits) or entry.name == "XAUUSD"
    assert 0.0 < entry.typical_spread_pips < 10.0


def test_yen_pairs_have_a_pip_of_a_hundredth() -> None:
    assert {entry.pip for entry in SYMBOLS.values() if entry.quote == "JPY"} == {0.01}
    assert symbol("EURUSD").pip == 0.0001


def test_only_gold_has_a_daily_break() -> None:
    assert {entry.name for entry in SYMBOLS.values() if entry.daily_break_minutes} == {"XAUUSD"}


@pytest.mark.parametrize("text", ["EURUSD", "eurusd", "EUR/USD", "EUR_USD", " eur-usd "])
def test_a_symbol_is_found_as_people_write_it(text: str) -> None:
    assert symbol(text) is SYMBOLS["EURUSD"]


def test_an_unknown_symbol_is_refused_naming_near_ones() -> None:
    with pytest.raises(UnknownSymbolError, match=r"'EURUSS'.*29 symbols.*did you mean EURUSD"):
        symbol("EURUSS")
    with pytest.raises(UnknownSymbolError, match=r"'\?\?'.*known: AUDCAD"):
        symbol("??")
