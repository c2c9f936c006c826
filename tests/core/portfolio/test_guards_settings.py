"""The settings of the guards: the defaults of the research table, and what cannot be held."""

from dataclasses import asdict, fields

import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.portfolio.guards.evaluation import GUARDS
from fxgpt_core.portfolio.guards.settings import GuardSettings, parsed


def test_the_defaults_are_those_of_the_table():
    table = {
        "max_signal_age_s": 30.0, "max_signal_age_candles": 0.25, "max_price_age_s": 5.0, "max_spread_ratio": 3.0,
        "harmless_spread_pips": 3.0, "minutes_before_close": 5.0, "max_margin_use": 0.8, "max_positions_per_symbol": 1,
        "max_leverage": 3.0, "max_symbol_orders_per_minute": 2, "max_orders_per_day": 50, "max_daily_loss": 0.03,
        "max_losing_streak": 5, "cool_down_hours": 24.0, "max_drawdown": 0.10, "max_rejections": 5, "rejection_minutes": 10.0,
        "clock_skew_warn_s": 2.0, "clock_skew_halt_s": 10.0,
    }  # fmt: skip
    assert table.items() <= asdict(GuardSettings()).items()


def test_each_setting_says_its_unit_what_it_protects_from_and_which_guard_asks_it():
    names = {guard.name for guard in GUARDS}
    told = [(each.metadata["guard"] in names, bool(each.metadata["protects_from"])) for each in fields(GuardSettings)]
    assert set(told) == {(True, True)}
    settled = {each.metadata["guard"] for each in fields(GuardSettings)}
    assert [guard.name for guard in GUARDS if (guard.name in settled) is bool(guard.protects_from)] == []


@pytest.mark.parametrize(
    ("name", "bad", "text"),
    [
        ("max_daily_loss", 1.01, r"max_daily_loss is 1.01, 0.0001 to 1 share is allowed"),
        ("max_daily_loss", 0.0, "0.0001 to 1 share"),
        ("max_positions", 0, "at least 1 count is allowed"),
        ("max_positions", 2.0, "max_positions is 2.0; a whole number is needed"),
        ("max_positions", True, "a whole number is needed"),
        ("cool_down_hours", -1.0, "at least 0 h is allowed"),
        ("cool_down_hours", float("nan"), "a finite number is needed"),
        ("max_leverage", float("inf"), "a finite number is needed"),
        ("max_leverage", "3", "a finite number is needed"),
        ("max_spread_ratio", 0.9, "at least 1 times is allowed"),
        ("flatten_on_drawdown", 1, "yes or no is needed"),
        ("clock_skew_warn_s", 11.0, "clock_skew_warn_s 11 is above clock_skew_halt_s 10"),
        ("max_dayly_loss", 0.1, "there is no guard setting max_dayly_loss; there are: max_signal_age_s,"),
    ],
)
def test_what_cannot_be_held_is_refused(name, bad, text):
    with pytest.raises(BadInputError, match=text):
        GuardSettings.of({name: bad})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("max_daily_loss", "0.02", 0.02), ("max_positions", "7", 7), ("flatten_on_drawdown", "Yes", True),
     ("flatten_on_drawdown", "no", False), ("max_leverage", "5", 5.0)],
)  # fmt: skip
def test_a_value_is_read_as_what_its_setting_is(name, text, value):
    found = parsed(name, text)
    assert (found, type(found)) == (value, type(value))
    assert getattr(GuardSettings.of({name: found}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [("max_positions", "2.5", "max_positions is a whole number, and '2.5' is none; as in max_positions=10"),
     ("max_leverage", "much", "a number, and 'much' is none"), ("flatten_on_drawdown", "1", "yes or no"),
     ("of", "1", "there is no guard setting of")],
)  # fmt: skip
def test_a_text_of_another_kind_is_refused(name, text, why):
    with pytest.raises(BadInputError, match=why):
        parsed(name, text)
