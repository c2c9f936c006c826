"""Every look into the vault is written down before it is played, once for a set, and counted by the days it saw."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from registry_examples import lake_of, made

from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.registry import lineage
from fxgpt_core.registry.vault import Vault, VaultRequest

START, DAY = datetime(2021, 7, 1, tzinfo=UTC), timedelta(days=1)
RESULT = {"ratio": 0.8, "sharpe": 1.6, "in_sample_sharpe": 2.0, "lucky_sharpe": 0.0}


@pytest.fixture
def asked(migrated_ledger, tmp_path):
    """A vault, and a request for the first champion."""
    champion = made(lake_of(migrated_ledger, tmp_path / "lake"), "parameters", b"parameters").id
    request = VaultRequest("EURUSD", "1h", champion, "a" * 64, START, START + 60 * DAY, "ann", "all gates passed")
    return Vault(migrated_ledger), request


def kinds(vault):
    with vault.ledger.reading() as connection:
        lineage.verify(connection)
        return [entry.kind for entry in lineage.entries(connection) if entry.kind.startswith("vault")]


def test_an_opening_is_an_entry_of_the_lineage_before_anything_is_known(asked):
    vault, request = asked
    assert vault.opening(request) is None
    opening = vault.open(request)
    assert (opening.request, opening.look, opening.result) == (request, 1, None)
    assert kinds(vault) == ["vault"]
    assert vault.opening(request) == opening


def test_the_same_set_on_the_same_days_is_looked_at_once_and_keeps_its_result(asked):
    vault, request = asked
    first = vault.open(request)
    concluded = vault.conclude(first.id, RESULT)
    again = vault.open(replace(request, opened_by="bob", reason="once more"))
    assert again == concluded
    assert (again.result, again.request.opened_by) == (RESULT, "ann")
    assert vault.conclude(first.id, {**RESULT, "ratio": 3.0}).result == RESULT
    assert kinds(vault) == ["vault", "vault_result"]
    assert len(vault.openings("EURUSD", "1h")) == 1


def test_another_set_on_the_same_days_is_another_look_and_on_other_days_or_markets_it_is_not(asked):
    vault, request = asked
    vault.open(request)
    second = vault.open(replace(request, params_sha256="b" * 64))
    overlapping = vault.open(replace(request, window_start=START + 59 * DAY, window_end=START + 90 * DAY))
    behind = vault.open(replace(request, params_sha256="c" * 64, window_start=START + 90 * DAY, window_end=START + 99 * DAY))
    elsewhere = vault.open(replace(request, timeframe="4h"))
    assert [each.look for each in (second, overlapping, behind, elsewhere)] == [2, 3, 1, 1]
    assert [each.look for each in vault.openings("EURUSD", "1h")] == [1, 2, 3, 1]


def test_a_vault_that_is_closed_or_was_not_played_is_no_pass_and_one_that_held_is(asked):
    from fxgpt_core.registry.vault import vault_gate

    vault, request = asked
    opening = vault.open(request)
    for closed in (vault_gate(None), opening.gate):
        assert (closed.gate, closed.passed, closed.value) == ("vault_ratio", False, 0.0)
        assert "materialize vault" in closed.remedy
    held = vault.conclude(opening.id, RESULT).gate
    assert (held.passed, held.value, held.limit, held.comparison) == (True, 0.8, 0.7, ">=")


def test_a_set_that_did_not_hold_is_told_what_it_showed_and_what_luck_shows(asked):
    vault, request = asked
    vault.open(request)
    second = vault.open(replace(request, params_sha256="b" * 64))
    gate = vault.conclude(second.id, {"ratio": 0.2, "sharpe": 1.0, "in_sample_sharpe": 2.0, "lucky_sharpe": 0.6}).gate
    assert not gate.passed
    assert "the Sharpe is 1.00 a year, of which 0.60 is what the best of 2 looks shows by luck, after 2.00" in gate.remedy


def test_nobody_no_reason_and_no_day_open_nothing_and_what_was_not_opened_has_no_result(asked):
    vault, request = asked
    for change, told in (
        ({"opened_by": " "}, "by somebody"),
        ({"reason": ""}, "for a reason"),
        ({"window_end": START}, "holds no day"),
    ):
        with pytest.raises(BadInputError, match=told):
            vault.open(replace(request, **change))
    assert vault.openings("EURUSD", "1h") == []
    with pytest.raises(MissingError, match="no opening 7"):
        vault.conclude(7, RESULT)
