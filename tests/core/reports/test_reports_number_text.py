"""How numbers are written: rounded, never -0, never as a power of ten, and told where they are none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.reports import number_text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (number_text.money(1234567.891), "1,234,567.89"),
        (number_text.money(-0.001), "0.00"),
        (number_text.money(-12.345), "-12.35"),
        (number_text.percent(0.12345), "12.35 %"),
        (number_text.percent_points(-0.0), "0.00 %"),
        (number_text.ratio(math.nan), "-"),
        (number_text.held(100.0), "≥ 100"),
        (number_text.held(-100.0), "≤ -100"),
        (number_text.held(99.994), "99.99"),
        (number_text.short(0.00008), "0.00008"),
        (number_text.short(0.95), "0.95"),
        (number_text.short(-0.0), "0"),
        (number_text.short(12345.678), "12,346"),
        (number_text.short(math.inf), "∞"),
        (number_text.short(-math.inf), "-∞"),
        (number_text.percent_points(math.nan), "-"),
        (number_text.count(1234567), "1,234,567"),
        (number_text.moment(1_515_448_859_999_999), "2018-01-08 22:00"),
    ],
)
def test_numbers_are_written_as_a_person_would(written, text):
    assert written == text


@given(st.floats(-1e9, 1e9))
def test_what_is_written_is_the_number_to_the_digits_shown(value):
    assert float(number_text.money(value).replace(",", "")) == pytest.approx(value, abs=0.005 + 1e-6)
    told = float(number_text.short(value).replace(",", ""))
    assert told == pytest.approx(value, rel=5.1e-4, abs=5e-324)
    assert "e" not in number_text.short(value)
