"""The asset allocation: all symbols with candles are read and traced, stored as a universe again, and a leak stops it."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from tiny_line import SetUp

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.errors import BrokenLineageError, MissingError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.portfolio import allocation as of_portfolio
from fxgpt_core.portfolio.allocation import allocation
from fxgpt_core.portfolio.optimal_weights import AllocationParameters
from fxgpt_core.portfolio.universe import Universe
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_pipelines.allocation_shown import NO_FRONTIER
from fxgpt_pipelines.code_versions import code_version


@pytest.fixture
def made(fresh: SetUp) -> SetUp:
    """The whole sample, 208 days, as candles."""
    candles = SampleProvider().candles("EURUSD", Timeframe.H1)
    CandleStore(fresh.settings.import_root).put(candles, "EURUSD", Timeframe.H1, "test")
    for asset in ("raw_candles", "candles"):
        fresh.runner.materialize(asset)
    return fresh


def candles_of(at: SetUp, symbol: str, seed: int) -> str:
    """Stores candles of another symbol; the id of the artifact."""
    own = at.lake.latest("candles", "EURUSD", "1h").frame()
    walk = np.exp(np.cumsum(1e-3 * np.random.default_rng(seed).standard_normal(len(own))))
    frame = own.with_columns(pl.col("open", "high", "low", "close") * pl.Series(walk))
    with at.lake.making("candles", symbol, "1h", {}, code_sha256="x", run_id="x") as making:
        return making.write_frame(frame, {}).id


def test_all_symbols_are_allocated_shown_and_traced(made: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    others = {candles_of(made, symbol, seed) for seed, symbol in enumerate(("AUDUSD", "GBPUSD", "USDJPY"))}
    done = made.runner.materialize("allocation")
    artifact = made.lake.latest("allocation", "EURUSD", "1h")
    assert done.checks == {"no_look_ahead": True, "solved": True}
    assert done.metadata["symbols"] == "AUDUSD, EURUSD, GBPUSD, USDJPY"
    assert others < {edge.parent.id for edge in made.lake.inputs(artifact.id)}
    assert artifact.code_sha256 == code_version("allocation")
    frame = artifact.frame()
    universe = Universe.from_frame(frame)
    expected = allocation(universe, AllocationParameters()).to_frame()
    assert frame.select(expected.columns).equals(expected)
    assert expected["weight_EURUSD"].drop_nulls().max() <= 0.3 * 1.05
    assert frame["rebalanced"].sum() == artifact.summary["rebalances"] > 5
    records, _ = done.metadata["latest"]
    assert {record.data["symbol"] for record in records} == set(universe.names)
    for name in ("weights", "frontier"):
        assert "data:image/png;base64" in done.metadata[name]
    monkeypatch.setattr(of_portfolio, "allocation", None)
    again = made.runner.materialize("allocation")
    assert again.reused
    assert again.metadata["frontier"] == done.metadata["frontier"]


def test_a_symbol_alone_shares_with_cash_and_has_no_frontier(made: SetUp) -> None:
    done = made.runner.materialize("allocation")
    frame = made.lake.latest("allocation", "EURUSD", "1h").frame()
    assert done.metadata["frontier"] == NO_FRONTIER
    assert set(frame.filter("rebalanced")["weight_EURUSD"].to_list()) <= {0.0, 0.3}


def test_too_few_days_are_told(fresh: SetUp) -> None:
    for asset in ("raw_candles", "candles"):
        fresh.runner.materialize(asset)
    done = fresh.runner.materialize("allocation")
    assert done.checks == {"no_look_ahead": True, "solved": False}
    assert fresh.lake.latest("allocation", "EURUSD", "1h").frame()["weight_EURUSD"].null_count() > 90


def test_weights_that_see_later_days_stop_it(made: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = of_portfolio.allocation

    def leaking(universe: Universe, parameters: AllocationParameters) -> of_portfolio.Allocation:
        found = honest(universe, parameters)
        return dataclasses.replace(found, weights=found.weights + universe.close.max(axis=0))

    monkeypatch.setattr(of_portfolio, "allocation", leaking)
    with pytest.raises(BrokenLineageError, match="weights that change when the future is cut off: weight_EURUSD;"):
        made.runner.materialize("allocation")
    with pytest.raises(MissingError, match="no allocation"):
        made.lake.latest("allocation", "EURUSD", "1h")


def test_the_defaults_are_those_of_the_strategy() -> None:
    ours, strategy = AllocationParameters(), StrategyParameters.default().to_json()
    found = {name: value for name, value in strategy.items() if name.startswith("riskfolio_")}
    assert {f"riskfolio_{name}": value for name, value in vars(ours).items() if name not in ("window", "drift")} == found
