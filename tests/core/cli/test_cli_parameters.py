"""fxgpt parameters: the 90 as people and programs read them, and files of some of them checked and repaired."""

import json

import pytest

from fxgpt_core.strategy.constraints import CONSTRAINTS
from fxgpt_core.strategy.parameters import definitions


def test_the_list_has_all_ninety_with_what_is_allowed_and_what_reads_them(fxgpt):
    found = fxgpt("parameters", "list", "--json").json
    assert [row["parameter"] for row in found["parameters"]] == [item.name for item in definitions()]
    assert len(found["parameters"]) == 90
    assert all(
        row[name] not in ("", None) for row in found["parameters"] for name in ("group", "allowed", "stage", "read_by", "when")
    )
    assert len(found["constraints"]) == len(CONSTRAINTS)
    told = fxgpt("parameters", "list").out
    assert "90 parameters" in told
    assert all(item.name in told for item in definitions())


def test_one_group_is_listed_with_its_own_constraints_and_an_unknown_one_is_refused(fxgpt):
    found = fxgpt("parameters", "list", "--group", "filters", "--json").json
    assert len(found["parameters"]) == 15
    assert {row["below"] for row in found["constraints"]} == {"filter_vix_high_threshold", "filter_vix_high_reduction_pct"}
    refused = fxgpt("parameters", "list", "--group", "vix")
    assert refused.code == 3
    assert "known: sssd, riskfolio" in refused.err


@pytest.fixture
def broken(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"risk_stop_loss_pct": 5.0, "sizing_method": "kelly"}))
    return file


def test_a_file_that_breaks_a_constraint_is_refused_and_repaired_when_asked(fxgpt, broken):
    refused = fxgpt("parameters", "check", str(broken))
    assert refused.code == 3
    assert "risk_stop_loss_pct must be below risk_take_profit_pct, or a position risks more than it can win" in refused.err
    mended = fxgpt("parameters", "check", str(broken), "--repair", "--json").json
    assert mended["repaired"] == {"risk_take_profit_pct": {"from": 4.0, "to": 5.1}}
    assert len(mended["broken"]) == 1
    assert (mended["parameters"]["risk_take_profit_pct"], mended["parameters"]["sizing_method"]) == (5.1, "kelly")
    assert "risk_take_profit_pct: 4.0 becomes 5.1" in fxgpt("parameters", "check", str(broken), "--repair").out


def test_a_sound_file_passes_as_it_is(fxgpt, broken):
    broken.write_text(json.dumps({"risk_stop_loss_pct": 1.0}))
    found = fxgpt("parameters", "check", str(broken), "--json").json
    assert (found["broken"], found["repaired"]) == ([], {})
