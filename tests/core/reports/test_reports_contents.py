"""What a report refuses to be made of."""

import dataclasses
from datetime import datetime

import numpy as np
import pytest
from report_examples import FX, three_trades

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.modes import Mode
from fxgpt_core.performance.report import ReportParameters, report


def test_a_run_without_a_candle_is_refused():
    made = three_trades()
    with pytest.raises(BadInputError, match="no candles to report on"):
        dataclasses.replace(made, candles=made.candles.slice(0, 0))


def test_a_moment_without_a_time_zone_is_refused():
    made = three_trades()
    heading = dataclasses.replace(made.heading, made_at=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(BadInputError, match="without a time zone"):
        dataclasses.replace(made, heading=heading)


@pytest.mark.parametrize(
    "changed", [{"costs": FX}, {"account": BacktestAccount(99.0)}], ids=["costs of the other mode", "another account"]
)
def test_costs_and_accounts_of_another_run_are_refused(changed):
    with pytest.raises(BadInputError, match="give those the run was played with"):
        dataclasses.replace(three_trades(), **changed)


def test_the_equity_of_other_candles_is_refused():
    made = three_trades()
    with pytest.raises(BadInputError, match="4 points for 3 candles"):
        _ = dataclasses.replace(made, candles=made.candles.slice(0, 3)).measured


def test_the_measures_are_those_of_the_room_of_measures_in_the_accounts_currency():
    made = three_trades()
    assert made.measured == report(made.result, made.candles)
    in_fx = dataclasses.replace(
        made,
        result=dataclasses.replace(made.result, mode=Mode.FX),
        costs=dataclasses.replace(FX, conversion=np.array([3.0])),
    )
    expected = report(made.result, made.candles, ReportParameters(conversion=np.array([3.0])))
    assert in_fx.measured == expected
    assert in_fx.measured.exposure.turnover == pytest.approx(3.0 * made.measured.exposure.turnover)
