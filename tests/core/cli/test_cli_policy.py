"""fxgpt policy show: what a stored policy is, and how it says that there is none or that it was changed."""

import numpy as np
import pytest
from problem_stored import PLACE, keep

from fxgpt_core.portfolio.policy import Layer, PlainPolicy
from fxgpt_core.portfolio.policy_file import policy_bytes
from fxgpt_core.portfolio.policy_parameters import PolicyParameters
from fxgpt_core.portfolio.policy_state import SIZE

SHOW = ("policy", "show", *PLACE)
SUMMARY = {
    "days_lived": 256, "days_trained_on": 17, "entries_trained_on": 80, "days_tested": 30, "entries_tested": 120,
    "parameters": {"gamma": 0.95}, "test_days": [17_600, 17_601], "test_weights": [[0.5, 0.5], [0.25, 0.75]],
    "best_static": [1.0, 0.0],
    "judged": [{"name": "policy", "days": 30, "total_return": -0.01, "sharpe_ratio": -0.4, "max_drawdown": 0.02}],
}  # fmt: skip


@pytest.fixture
def policy(fxgpt):
    assert fxgpt("setup").code == 0
    layer = Layer(np.zeros((SIZE, 2), np.float32), np.zeros(2, np.float32))
    data = policy_bytes(PlainPolicy(("EURUSD",), (layer,)), PolicyParameters(), {})
    return keep({"rl_agent": lambda making: making.write_bytes(data, "safetensors", SUMMARY)})["rl_agent"]


def test_a_policy_is_told_with_its_last_weights_and_what_it_earned(fxgpt, policy):
    found = fxgpt(*SHOW, "--json")
    assert (found.code, found.err) == (0, "")
    assert found.json["sha256"] == policy.sha256
    assert found.json["last_day"] == "2018-03-11"
    assert found.json["last_weights"] == {"EURUSD": 0.25, "cash": 0.75}
    assert found.json["best_static_weights"] == {"EURUSD": 1.0, "cash": 0.0}
    assert found.json["unseen_days"] == SUMMARY["judged"]
    assert found.json["parameters"] == {"gamma": 0.95}
    told = fxgpt(*SHOW).out
    assert "weights at the end of 2018-03-11:" in told
    assert "days_trained_on     17" in told


def test_no_policy_yet_and_a_changed_one_end_with_their_codes(fxgpt, policy):
    none = fxgpt("policy", "show", "--symbol", "GBPUSD", "--timeframe", "1h")
    assert none.code == 4
    assert "materialize rl_agent for GBPUSD 1h first" in none.err
    policy.path.write_bytes(policy.path.read_bytes() + b" ")
    changed = fxgpt(*SHOW)
    assert changed.code == 6
    assert "materialize rl_agent again" in changed.err


def test_the_help_has_an_example(fxgpt):
    assert "Example: fxgpt policy show" in fxgpt("policy").out
