"""An account's own charges in a search's configuration: its trials pay them, its report tells them, and paper trades at them."""

import html
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from awaited import awaited
from tiny_line import CONFIG, set_up

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.errors import BadInputError
from fxgpt_core.live.deployed import deployed
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.orders import OrderRequest, Side
from fxgpt_core.market.timeframes import HOUR_US
from fxgpt_core.registry.trials import TrialStore
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import Window
from fxgpt_pipelines import searching
from fxgpt_pipelines.checks.gates import GATES

A_LOT = {"commission": 0, "commission_per_lot": 3.5}
OWN = Charges(commission=0.0, commission_per_lot=3.5)
UNIT = 3.5 / 100_000
NOON_US = 1_515_582_000_000_000


def test_charges_of_a_configuration_are_its_own_the_usual_ones_or_none():
    assert searching.charges_of({"account_currency": None, "charges": None}) is None
    assert searching.charges_of({}) is None
    assert searching.charges_of({"account_currency": "EUR", "charges": None}) == Charges(account_currency="EUR")
    assert searching.charges_of({"charges": A_LOT}) == OWN
    assert searching.charges_of({"charges": {}}) == Charges()
    both = {"account_currency": "EUR", "charges": A_LOT}
    assert searching.charges_of(both) == Charges(account_currency="EUR", commission=0.0, commission_per_lot=3.5)
    with pytest.raises(BadInputError, match="an account in EUR is asked for, and its charges are in USD"):
        searching.charges_of({"account_currency": "EUR", "charges": {"account_currency": "USD"}})


def test_a_search_at_charges_that_cannot_be_is_refused_before_anything_is_made(line):
    before = line.at.lake.latest("optimized_parameters", "EURUSD", "1h").id
    with pytest.raises(BadInputError, match="charges name fee; allowed are account_currency"):
        line.at.runner.materialize("optimized_parameters", CONFIG["optimized_parameters"] | {"charges": {"fee": 1}})
    assert line.at.lake.latest("optimized_parameters", "EURUSD", "1h").id == before


@pytest.fixture
def copied(line, tmp_path):
    """A copy of the line, to deploy in."""
    shutil.copytree(line.at.settings.data_root, tmp_path / "copy")
    with set_up(tmp_path / "copy") as at:
        yield at


def test_a_search_with_an_account_s_charges_is_judged_reported_and_traded_on_paper_by_them(copied, tmp_path):
    lake, runner = copied.lake, copied.runner
    searched = runner.materialize("optimized_parameters", CONFIG["optimized_parameters"] | {"charges": A_LOT})
    found = lake.latest("optimized_parameters", "EURUSD", "1h")
    assert found.json()["charges"] == OWN.to_json()
    judged = runner.materialize("robustness")
    assert set(judged.checks) == set(GATES)
    with lake.making("robustness", "EURUSD", "1h", {}, code_sha256="0" * 64, run_id="a run") as making:
        case = searching.judged(making, found.json(), TrialStore(copied.ledger))
    trades = of_hopeful_bands(case.problem).trades
    assert len(trades) > 5
    assert trades.commission == pytest.approx(2 * trades.units * UNIT)
    for told in (searched, judged):
        page = html.unescape(re.sub(r"<[^>]*>", "", Path(told.metadata["report"]).read_text()))
        assert "commission 0 % of the notional and 0.000035 a unit, each side" in page
    runner.materialize("deployment", CONFIG["deployment"])
    (live,) = deployed(lake, "paper", "paper")
    assert (live.parameter_set_id, live.paid) == (found.id, OWN)
    assert commission_on_paper(tmp_path, live) == pytest.approx([20_000 * UNIT])


def of_hopeful_bands(problem):
    """The judged problem played where the median is the top of the narrowest band; its own is never far enough to trade."""
    bands = replace(problem.bands, median=problem.bands.upper[:, :, 0])
    unseen = Window(int(bands.known_at_us[0]), int(bands.known_at_us[-1]) + 1)
    return replace(problem, bands=bands).evaluate(StrategyParameters.default(), unseen).result


def commission_on_paper(folder, live):
    """What the paper broker charges for each fill of one order of 20,000 units, at what the deployment pays."""
    broker = PaperBroker(folder / "book.db", {live.symbol: live.paid})
    awaited(broker.connect())
    for hour in range(2):
        open_us = NOON_US + hour * HOUR_US
        broker.on_candle(PlayedCandle(live.symbol, open_us, open_us + HOUR_US, 1.2, 1.2, 1.2, 1.2, 0.0001))
        awaited(broker.place(OrderRequest("an order", live.symbol, Side.LONG, 20_000, 1.1, 1.3, 0)))
    return [fill.commission for _, fill in broker.fills_since(0)]
