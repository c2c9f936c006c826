"""Each of the 90 parameters at work: moving it across its range changes what is traded on the sample's real candles.

The 21 that assets are made with change the asset: of the seven of the sampler see the tests of the room diffusion, of the
fourteen of the policy those of the room rl.
"""

from dataclasses import fields

import numpy as np
import pytest

from fxgpt_core.backtest.engine import backtest, execution_parameters
from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SYMBOL, TIMEFRAME, SampleProvider
from fxgpt_core.conformal.bands import Bands
from fxgpt_core.context.market_context import MarketContext
from fxgpt_core.diffusion.sssd_parameters import SssdParameters
from fxgpt_core.market.costs import costs_for
from fxgpt_core.market.symbols import symbol
from fxgpt_core.patterns.parameters import PatternParameters
from fxgpt_core.portfolio.capital import Capital
from fxgpt_core.portfolio.optimal_weights import AllocationParameters
from fxgpt_core.portfolio.policy_parameters import TRAINED_BY, PolicyParameters
from fxgpt_core.portfolio.sizing import SizingParameters
from fxgpt_core.portfolio.universe import Universe, universe_of
from fxgpt_core.regimes.hidden_markov import fit_regimes
from fxgpt_core.regimes.regime_parameters import RegimeParameters
from fxgpt_core.strategy.components import Components
from fxgpt_core.strategy.decision import decide
from fxgpt_core.strategy.definitions import Kind
from fxgpt_core.strategy.filters import SentimentFilterParameters, VixFilterParameters
from fxgpt_core.strategy.parameters import StrategyParameters, definitions, searched_definitions
from fxgpt_core.strategy.view import market_view
from fxgpt_core.strategy.volume_measures import VolumeFilterParameters

STEPS = np.arange(1, 25, dtype=np.int32)
COVERAGES = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
Z = np.array([0.674490, 0.841621, 1.036433, 1.281552, 1.644854, 1.959964])
DEFAULT = StrategyParameters.default()
# Near levels and a wide margin let stops, targets, sizes and the daily loss all bind at times.
BUSY = {
    "sizing_max_position_size_pct": 50.0,
    "sssd_uncertainty_threshold": 0.5,
    "risk_atr_multiplier": 1.0,
    "sssd_forecast_horizon": 12,
    "filter_volume_min_liquidity_pct": 0.5,
}
# Exits at half a percent and more of the price are met where positions are kept until then.
PATIENT = {
    "risk_use_time_based_exit": False,
    "risk_atr_multiplier": 3.0,
    "sssd_forecast_horizon": 24,
    "sssd_quantile_confidence": 0.95,
    "pattern_confidence_threshold": 0.5,
    "pattern_max_pattern_size": 30,
    "pattern_lookback_period": 100,
    "pattern_target_multiplier": 3.0,
    "pattern_stop_loss_multiplier": 1.5,
    "risk_breakeven_trigger_pct": 1.5,
    "risk_trailing_activation_pct": 0.5,
    "risk_trailing_stop_pct": 0.5,
}
EXITS = (
    *("risk_use_trailing_stop", "risk_trailing_activation_pct", "risk_trailing_stop_pct", "risk_use_breakeven_stop"),
    "risk_take_profit_pct",
)
# Where a parameter acts only beside another, that other is set.
BESIDE = dict.fromkeys(EXITS, PATIENT) | {
    "risk_use_breakeven_stop": PATIENT | {"risk_breakeven_trigger_pct": 0.5, "risk_use_trailing_stop": False},
    "risk_breakeven_trigger_pct": PATIENT | {"risk_use_trailing_stop": False},
    "risk_take_profit_pct": PATIENT
    | {"risk_stop_loss_pct": 0.9, "risk_use_trailing_stop": False, "risk_use_breakeven_stop": False},
    # A band that is hardly ever narrow enough leaves the lead to patterns.
    "pattern_trailing_activation_pct": PATIENT | {"sssd_uncertainty_threshold": 0.1},
    "pattern_trailing_step_pct": PATIENT | {"sssd_uncertainty_threshold": 0.1, "pattern_trailing_activation_pct": 0.5},
    "riskfolio_objective": {"riskfolio_risk_aversion": 5.0},
    "sssd_forecast_horizon": {"sizing_method": "kelly"},
    "sizing_base_risk_pct": {"sizing_confidence_scaling": False},
    "sizing_kelly_fraction": {"sizing_method": "kelly"},
    "riskfolio_risk_aversion": {"riskfolio_objective": "Utility"},
    "riskfolio_risk_free_rate": {"riskfolio_objective": "Sharpe"},
    "riskfolio_risk_measure": {"riskfolio_objective": "MinRisk"},
    "riskfolio_min_weight": {"riskfolio_objective": "MaxRet"},
    "filter_sentiment_use_news": {"filter_sentiment_confidence_threshold": 0.5},
    "risk_stop_loss_pct": {"risk_atr_multiplier": 3.0},
    "pattern_volume_threshold": {"pattern_confidence_threshold": 0.5},
    "pattern_timeframe_alignment": {"pattern_confidence_threshold": 0.5},
    "pattern_momentum_confirmation": {"pattern_confidence_threshold": 0.5},
    "pattern_regime_confirmation_bars": {"pattern_confidence_threshold": 0.5},
}


@pytest.fixture(scope="module")
def market():
    """The sample's candles, bands that foresee a part of each move, and every component; three other symbols are walks."""
    candles = candle_arrays(SampleProvider().candles(SYMBOL, TIMEFRAME), TIMEFRAME)
    rng, n = np.random.default_rng(11), len(candles)
    model = fit_regimes(candles.slice(0, n // 2), RegimeParameters(), 7)
    universe = universe_of({SYMBOL: candles})
    walks = np.exp(np.cumsum(rng.normal(0.0002, [0.004, 0.006, 0.008], (len(universe), 3)), axis=0))
    four = Universe((SYMBOL, "GBPUSD", "USDJPY", "AUDUSD"), universe.day, np.column_stack((universe.close, walks)))
    policy = rng.dirichlet([1.0] * 5, len(universe))[:, :4]
    context = MarketContext(
        vix=rng.uniform(10.0, 70.0, n),
        crowd_long=rng.uniform(0.0, 1.0, n),
        crowd_confidence=rng.uniform(0.0, 1.0, n),
        news=rng.uniform(-1.0, 1.0, n),
    )
    regime = model.series(candles).regime
    components = Components(True, regime, rng.uniform(0.5, 1.05, n), context, Capital(SYMBOL, four, policy))
    return candles, _bands(candles, rng), components, costs_for(symbol(SYMBOL), float(candles.close[0]))


def _bands(candles, rng):
    log_close, n = np.log(candles.close), len(candles)
    ahead = log_close[np.minimum(np.arange(n)[:, None] + STEPS, n - 1)] - log_close[:, None]
    scale = np.broadcast_to(np.std(np.diff(log_close)) * np.sqrt(STEPS), ahead.shape)
    median = 0.3 * ahead + rng.normal(0.0, 0.2, ahead.shape) * scale
    half = scale[:, :, None] * Z * (1.0 + rng.normal(0.0, 0.1, (n, 1, 1)))
    none = np.zeros(half.shape, dtype=bool)
    lower, upper = median[:, :, None] - half, median[:, :, None] + half
    return Bands(candles.known_at_us, STEPS, COVERAGES, lower, upper, none, median, np.ascontiguousarray(scale))


def values_of(item):
    """Both ends of the range, or every choice."""
    if item.kind is Kind.BOOL:
        return [True, False]
    if item.kind is Kind.CATEGORICAL:
        return list(item.choices)
    low, high = item.low, item.high
    return [int(low), int(high)] if item.kind is Kind.INT else [low, high]


# Ends of ranges that a constraint keeps apart, or that are alike for a reason: values in between.
VALUES = {
    "risk_take_profit_pct": [1.0, 3.0],
    "risk_stop_loss_pct": [0.5, 1.0],
    "pattern_target_multiplier": [1.2, 2.0],
    "pattern_lookback_period": [30, 100],
    "pattern_max_age_bars": [8, 50],
    "filter_vix_extreme_threshold": [40.0, 60.0],
    "filter_vix_high_reduction_pct": [0.3, 0.6],
}


@pytest.mark.parametrize("item", searched_definitions(), ids=lambda item: item.name)
def test_moving_a_parameter_changes_what_is_traded(market, item):
    candles, bands, components, costs = market
    start = DEFAULT.replace(**(BUSY | BESIDE.get(item.name, {})))
    seen = {}
    for value in VALUES.get(item.name, values_of(item)):
        parameters = start.replace(**{item.name: value})
        decisions = decide(market_view(candles, bands, parameters, components), parameters, costs)
        result = backtest(candles, decisions, execution_parameters(parameters, TIMEFRAME), costs)
        assert len(result.trades) > 20
        seen.setdefault(result.equity.tobytes(), []).append(value)
    assert max(map(len, seen.values())) == 1, seen.values()


def test_the_records_of_the_components_have_the_names_and_the_defaults_of_the_ninety():
    defaults = DEFAULT.to_json()
    records = {
        "sssd_": SssdParameters(),
        "riskfolio_": AllocationParameters(),
        "pattern_": PatternParameters(),
        "rl_": PolicyParameters(),
        "sizing_": SizingParameters(),
        "filter_vix_": VixFilterParameters(),
        "filter_sentiment_": SentimentFilterParameters(),
        "filter_volume_": VolumeFilterParameters(),
    }
    found = {
        prefix + item.name: getattr(record, item.name)
        for prefix, record in records.items()
        for item in fields(record)
        if prefix + item.name in defaults
    }
    assert found == {name: defaults[name] for name in found}
    read_elsewhere = {"sssd_quantile_confidence", "sssd_uncertainty_threshold", "sssd_forecast_horizon"}
    assert set(defaults) - set(found) == read_elsewhere | {name for name in defaults if name.startswith("risk_")}


def test_what_an_asset_is_made_with_is_what_the_ninety_say():
    fitted = {item.name for item in definitions() if item.fitted_by == "rl_agent"}
    assert {f"rl_{name}" for name in TRAINED_BY} == fitted
    sampler = {item.name for item in definitions() if item.fitted_by == "forecasts"}
    assert {f"sssd_{item.name}" for item in fields(SssdParameters)} == sampler
