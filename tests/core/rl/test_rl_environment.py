"""The environment is the backtest: its equity bit for bit, its weights in their days only, its episodes where they may be."""

import math
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from rl_examples import BEGIN_US, FLAT, QUOTED, ROWS, SYMBOLS, accounts, environment, traded
from stable_baselines3.common.env_checker import check_env as check_for_sb3

from fxgpt_core.backtest.engine import backtest
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.portfolio.policy_state import SIZE, states
from fxgpt_core.portfolio.universe import universe_of
from fxgpt_core.rl.accounts import RUIN, Accounts
from fxgpt_core.rl.environment import FEWEST_DAYS, EpisodeRows, PolicyEnvironment


def some_weights(days, seed=0):
    return np.random.default_rng(seed).dirichlet((1.0, 1.0, 1.0), days)


def played(of, weights, first):
    """The mean final equity over the capital of plain backtests of the scaled decisions, and their trades."""
    results = [
        backtest(each.candles.slice(*window), scaled.slice(*window), each.execution, each.costs, of.account)
        for each, scaled, window in zip(
            of.traded, of.scaled(weights, first), of.windows(first, len(weights)).tolist(), strict=True
        )
    ]
    return sum(result.final_equity / of.account.cash for result in results) / len(results), sum(len(r.trades) for r in results)


@pytest.mark.parametrize("timeframe", [Timeframe.H1, Timeframe.H4, Timeframe.D1])
@pytest.mark.parametrize("costs", [FLAT, QUOTED], ids=["parity", "fx"])
def test_the_equity_is_that_of_the_backtest_bit_for_bit(timeframe, costs):
    of = accounts(costs, timeframe)
    for days, first in ((1, 5), (20, 11), (60, 3)):
        total, trades = played(of, some_weights(days), first)
        assert of.day_equity(some_weights(days), first)[-1] == total
        assert trades >= days // 10


def test_an_episode_ends_with_what_the_backtest_of_its_actions_earns():
    made = environment()
    made.reset(seed=3)
    made.action_space.seed(3)
    rewards, done = [], False
    while not done:
        _, reward, terminated, done, info = made.step(made.action_space.sample())
        rewards.append(reward)
        assert not terminated
    start, weights = made.lived
    assert len(weights) == made.days == 27
    total, trades = played(made.accounts, weights, start)
    assert trades > 50
    assert info["equity"] == total
    assert sum(rewards) == pytest.approx(100.0 * math.log(total), abs=1e-9)


def test_what_is_read_on_the_way_is_the_equity_of_the_whole_run_at_that_days_end():
    of, weights = accounts(), some_weights(30)
    whole = of.day_equity(weights, 7)
    for days in (1, 2, 13, 29):
        assert of.day_equity(weights[:days], 7, closed=False).tobytes() == whole[:days].tobytes()


def test_the_weights_of_a_day_change_nothing_before_it():
    of, weights = accounts(), some_weights(30)
    other = weights.copy()
    other[12:] = other[12:, ::-1]
    before, after = of.day_equity(weights, 7), of.day_equity(other, 7)
    assert before[:12].tobytes() == after[:12].tobytes()
    assert before[13] != after[13]


def test_equal_weights_without_cash_are_the_decisions_as_they_are_and_none_is_no_trade():
    of = accounts()
    for scaled, each in zip(of.scaled(np.full((40, 2), 0.5), 5), of.traded, strict=True):
        row, wished = of.universe.complete_days(each.candles.known_at_us) - 1, each.decisions.side != 0
        ruled = (row >= 5) & (row < 45)
        assert scaled.risk_fraction[ruled & wished].tolist() == each.decisions.risk_fraction[ruled & wished].tolist()
        assert not scaled.risk_fraction[~ruled & wished].any()
    assert of.day_equity(np.zeros((40, 2)), 5).tolist() == [1.0] * 40
    half, full = (of.day_equity(np.full((40, 2), share), 5)[-1] - 1.0 for share in (0.25, 0.5))
    assert half == pytest.approx(full / 2.0, rel=0.1)


def test_entries_are_the_wishes_that_weights_rule():
    of = accounts()
    ruled = [of.universe.complete_days(each.candles.known_at_us) - 1 for each in of.traded]
    wished = sum(
        int((each.decisions.side[(row >= 5) & (row < 40)] != 0).sum()) for each, row in zip(of.traded, ruled, strict=True)
    )
    assert of.entries(5, 40) == wished > 0


@pytest.mark.filterwarnings("error")
def test_gymnasium_and_stable_baselines_find_nothing_wrong():
    check_env(environment(), skip_render_check=True)
    check_for_sb3(environment())
    assert isinstance(environment(), gymnasium.Env)


def test_a_seed_draws_the_same_episodes_and_another_seed_others():
    def begins(seed):
        made = environment()
        made.reset(seed=seed)
        starts = [made.lived[0]]
        for _ in range(20):
            made.reset()
            starts.append(made.lived[0])
        return starts

    assert begins(1) == begins(1) != begins(2)


def test_episodes_lie_in_the_rows_and_what_comes_behind_them_changes_no_reward():
    of = accounts()
    rows = EpisodeRows(5, 40)
    cut_us = BEGIN_US + 90 * DAY_US
    assert int(of.universe.day[rows.stop - 1]) * DAY_US < cut_us

    def wilder(each):
        late = each.candles.open_time_us > cut_us
        prices = (
            np.where(late, 3.0 * getattr(each.candles, name), getattr(each.candles, name))
            for name in ("open", "high", "low", "close")
        )
        return replace(
            each, candles=CandleArrays(each.candles.open_time_us, *prices, each.candles.volume, each.candles.timeframe)
        )

    other = Accounts(of.universe, tuple(map(wilder, of.traded)))
    poisoned = states(of.universe)
    poisoned[rows.stop :] = 4.0
    made, changed = PolicyEnvironment(of, states(of.universe), rows), PolicyEnvironment(other, poisoned, rows)
    starts = set()
    for seed in range(60):
        observed, seen = made.reset(seed=seed)[0], changed.reset(seed=seed)[0]
        starts.add(made.lived[0])
        action = np.array([1.0, -0.5, 0.0], np.float32)
        done = False
        while not done and seed < 3:
            assert observed.tobytes() == seen.tobytes()
            (observed, reward, _, done, _), (seen, same, *_) = made.step(action), changed.step(action)
            assert reward == same
    assert min(starts) >= rows.first
    assert max(starts) + made.days <= rows.stop - 1


def test_ruin_ends_an_episode_and_its_reward_is_finite():
    falling = reckless(traded(2, -0.006))
    ruined = Accounts(universe_of(dict.fromkeys(SYMBOLS, falling.candles)), (falling, falling))
    made = environment(ruined)
    made.reset(seed=0)
    made.begin(5)
    for _ in range(made.days):
        _, reward, terminated, _, info = made.step(np.array([1.0, 1.0, -1.0], np.float32))
        if terminated:
            break
    assert terminated
    assert info["equity"] == RUIN
    assert math.isfinite(reward)


def reckless(each):
    """All that the margin allows, whatever was lost today, with stops too far away to help."""
    execution = replace(each.execution, max_margin_fraction=0.9, daily_loss_limit=1.0)
    decisions = replace(
        each.decisions, risk_fraction=each.decisions.risk_fraction * 1e5, stop_distance=each.decisions.stop_distance * 90.0
    )
    return replace(each, execution=execution, decisions=decisions)


def test_too_few_days_other_states_and_other_symbols_are_refused():
    of = accounts()
    with pytest.raises(BadInputError, match=rf"{FEWEST_DAYS} FX days found to train on; {FEWEST_DAYS + 1} are needed"):
        PolicyEnvironment(of, states(of.universe), EpisodeRows(5, 5 + FEWEST_DAYS))
    with pytest.raises(BadInputError, match=r"states of \(3, 137\)"):
        PolicyEnvironment(of, np.zeros((3, SIZE)), ROWS)
    with pytest.raises(BadInputError, match="1 series found for the symbols EURUSD, GBPUSD"):
        Accounts(of.universe, of.traded[:1])
    with pytest.raises(BadInputError, match="weights of 500 days from row 5 found"):
        of.day_equity(some_weights(500), 5)
    with pytest.raises(BadInputError, match="weights of 2 days from row 0 found"):
        accounts(timeframe=Timeframe.D1).day_equity(some_weights(2), 0)
