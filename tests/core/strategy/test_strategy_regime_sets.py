"""The record of a strategy by regime: complete, with a reason for each fallback, and the same after it was stored."""

import json

import numpy as np
import pytest

from fxgpt_core.errors import BadInputError, BrokenLineageError, RefusedError
from fxgpt_core.regimes.regime import REGIMES, SET_NAMES
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.regime_sets import RegimeSets, decided_by, strategy_of

GLOBAL_SET = StrategyParameters.default()
UP = GLOBAL_SET.replace(sssd_forecast_horizon=8)
FALLBACKS = {"trending_down": "not better", "ranging": "too few trades", "volatile": "no feasible trial"}
SETS = RegimeSets(GLOBAL_SET, {"trending_up": UP}, FALLBACKS)


def test_a_regime_has_its_own_set_or_the_global_one():
    assert SETS.sets == (GLOBAL_SET, UP, GLOBAL_SET, GLOBAL_SET, GLOBAL_SET)
    codes = np.array([-1, 0, 1, 2, 3, 0], np.int8)
    assert SETS.numbers_of(codes).tolist() == [0, 1, 0, 0, 0, 1]
    assert [decided_by(SETS, {"parameter_set": number}) for number in (0.0, 1.0, 4.0)] == [GLOBAL_SET, UP, GLOBAL_SET]
    assert decided_by(UP, {}) == UP
    assert ("global", *REGIMES) == SET_NAMES


def test_stored_and_read_it_is_the_same():
    again = RegimeSets.from_json(json.loads(json.dumps(SETS.to_json())))
    assert again == SETS
    assert again.sha256 == SETS.sha256


def test_the_hash_is_of_what_decides():
    other_reasons = RegimeSets(GLOBAL_SET, {"trending_up": UP}, dict.fromkeys(FALLBACKS, "of another kind"))
    in_another = RegimeSets(GLOBAL_SET, {"ranging": UP}, dict.fromkeys(("trending_up", "trending_down", "volatile"), "none"))
    other_global = RegimeSets(UP, {"trending_up": UP}, FALLBACKS)
    assert other_reasons.sha256 == SETS.sha256
    assert len({SETS.sha256, in_another.sha256, other_global.sha256}) == 3


@pytest.mark.parametrize(
    ("by_regime", "reasons"),
    [
        ({}, {}),
        ({"trending_up": UP}, {"ranging": "too few trades"}),
        ({"trending_up": UP}, {**FALLBACKS, "trending_up": "and a set"}),
        ({"trending_up": UP}, {**FALLBACKS, "ranging": " "}),
        ({"trending_up": UP, "sideways": UP}, FALLBACKS),
    ],
)
def test_a_regime_with_neither_set_nor_reason_or_with_both_is_refused(by_regime, reasons):
    with pytest.raises(BadInputError, match="needs a set of its own, or the reason why"):
        RegimeSets(GLOBAL_SET, by_regime, reasons)


def test_a_proposal_gives_its_sets_by_regime_only_where_it_is_deployed_so():
    proposal = {"parameters": GLOBAL_SET.to_json(), "regime_sets": SETS.to_json()}
    stored = json.loads(json.dumps(proposal))
    assert strategy_of(stored, "per_regime") == SETS
    assert strategy_of(stored, "global") == GLOBAL_SET
    with pytest.raises(RefusedError, match="deployed per regime, but the parameter set was searched for all regimes together"):
        strategy_of({"parameters": GLOBAL_SET.to_json()}, "per_regime")
    with pytest.raises(BrokenLineageError, match="were chosen beside the global set"):
        strategy_of({**stored, "parameters": UP.to_json()}, "per_regime")
