"""The proof itself, small: a killed gateway loses nothing and does nothing twice, and a wrong one is found out."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from fxgpt_core.live.chaos.paper_venue import paper_venue
from fxgpt_core.live.chaos.process import NO_DEAL_KEY, NO_WRITE_AHEAD, RESEND_AT_ONCE
from fxgpt_core.live.chaos.run import Ended, chaos_run
from fxgpt_core.live.chaos.settings import ChaosSettings
from fxgpt_core.live.chaos.simulated_venue import simulated_venue

SMALL = ChaosSettings(orders=60, kills=3, seed=1)


def played(settings: ChaosSettings, folder: Path) -> Ended:
    folder.mkdir(exist_ok=True)
    if settings.broker == "paper":
        return asyncio.run(chaos_run(settings, folder, paper_venue, lambda done, total: None))
    return asyncio.run(chaos_run(settings, folder, simulated_venue, lambda done, total: None))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_chaos_loses_doubles_and_invents_nothing_at_a_venue_with_all_faults(tmp_path: Path, seed: int) -> None:
    ended = played(replace(SMALL, seed=seed), tmp_path)
    assert ended.verdict.holds, ended
    assert (ended.kills, ended.verdict.orders >= SMALL.orders) == (3, True)
    assert sum(ended.faults.values()) > 20


def test_chaos_on_paper_loses_doubles_and_invents_nothing(tmp_path: Path) -> None:
    ended = played(replace(SMALL, broker="paper"), tmp_path)
    assert ended.verdict.holds, ended


def test_chaos_with_the_ledger_on_postgresql_loses_doubles_and_invents_nothing(tmp_path: Path, postgres_database: str) -> None:
    ended = played(replace(SMALL, url=postgres_database), tmp_path)
    assert ended.verdict.holds, ended


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [NO_WRITE_AHEAD, NO_DEAL_KEY, RESEND_AT_ONCE])
def test_chaos_finds_a_gateway_that_is_wrong(tmp_path: Path, wrong: str) -> None:
    """Each defect needs its own accident, so that a few runs may pass before one has it."""
    faults = "zombie=0.3" if wrong == RESEND_AT_ONCE else "duplicate_event=0.2"
    settings = ChaosSettings(orders=80, kills=8, seed=1, wrong=wrong, faults=faults)
    assert any(not played(replace(settings, seed=seed), tmp_path / str(seed)).verdict.holds for seed in range(4))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_chaos_of_ten_thousand_orders(tmp_path: Path, seed: int) -> None:
    ended = played(ChaosSettings(orders=10_000, kills=12, seed=seed), tmp_path)
    assert ended.verdict.holds, ended
