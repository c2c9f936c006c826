"""The 90 strategy parameters: one frozen record, each field defined once, with its range and the component that reads it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Self

from fxgpt_core import content_hash
from fxgpt_core.errors import ParameterError
from fxgpt_core.strategy.constraints import broken_constraints
from fxgpt_core.strategy.definitions import About, ParameterDefinition, ParameterValue, Stage, choice, integer, real, switch

_BANDS = About("sssd", Stage.FORECAST, "calibrated bands")
_SIGNAL = About("sssd", Stage.SIGNAL, "decision rule")
_SAMPLER = About("sssd", Stage.FORECAST, "diffusion sampler", fitted_by="forecasts")
_RISKFOLIO = About("riskfolio", Stage.SIZING, "allocation between symbols")
_PATTERNS = About("patterns", Stage.SIGNAL, "pattern detection")
_PATTERN_LEVELS = About("patterns", Stage.SIGNAL, "stop and target of a pattern")
_PATTERN_EXITS = About("patterns", Stage.EXECUTION, "exit rules of positions that a pattern led into")
_RL = About("rl", Stage.SIZING, "policy training (PPO)", fitted_by="rl_agent")
_BLEND = About("rl", Stage.SIZING, "blend of policy and allocation")
_LEVELS = About("risk", Stage.SIGNAL, "decision rule")
_EXITS = About("risk", Stage.EXECUTION, "exit rules")
_SIZING = About("sizing", Stage.SIZING, "position sizing")
_LIMIT = About("sizing", Stage.EXECUTION, "position sizing")
_REGIME = About("sizing", Stage.SIZING, "position sizing by regime")
_VIX = About("filters", Stage.SIZING, "VIX filter")
_SENTIMENT = About("filters", Stage.SIGNAL, "sentiment filter")
_VOLUME = About("filters", Stage.SIGNAL, "volume filter")

_LAYERS = ("[256,128]", "[512,256]", "[256,256,128]")


@dataclass(frozen=True)
class StrategyParameters:
    """The 90 parameters of the optimization specification, section 4.2, in its order; `_pct` fields are in percent.

    Raises `ParameterError` for a value outside its range and for a broken constraint between two of them.
    """

    sssd_diffusion_steps: int = integer(_SAMPLER, 10, 100, 50)
    sssd_noise_schedule: str = choice(_SAMPLER, ("linear", "cosine", "sigmoid"), "linear")
    sssd_sampling_method: str = choice(_SAMPLER, ("ddpm", "ddim"), "ddpm")
    sssd_guidance_scale: float = real(_SAMPLER, 0.0, 2.0, 1.0)
    sssd_temperature: float = real(_SAMPLER, 0.5, 1.5, 1.0)
    sssd_quantile_confidence: float = real(_BANDS, 0.6, 0.95, 0.8, "coverage")
    sssd_uncertainty_threshold: float = real(_SIGNAL, 0.1, 0.5, 0.2, "excess band width")
    sssd_forecast_horizon: int = integer(_BANDS, 1, 24, 4, "candles")
    sssd_min_samples: int = integer(_SAMPLER, 100, 500, 200)
    sssd_use_ensemble: bool = switch(_SAMPLER, True)

    riskfolio_risk_measure: str = choice(_RISKFOLIO, ("MV", "CVaR", "CDaR", "EVaR", "WR"), "MV")
    riskfolio_objective: str = choice(_RISKFOLIO, ("Sharpe", "MinRisk", "Utility", "MaxRet"), "Sharpe")
    riskfolio_risk_aversion: float = real(_RISKFOLIO, 0.1, 5.0, 1.0, log=True)
    riskfolio_max_weight: float = real(_RISKFOLIO, 0.1, 0.5, 0.3)
    riskfolio_min_weight: float = real(_RISKFOLIO, 0.0, 0.05, 0.0)
    riskfolio_risk_free_rate: float = real(_RISKFOLIO, 0.0, 0.05, 0.0)
    riskfolio_use_risk_parity: bool = switch(_RISKFOLIO, False)
    riskfolio_rebalance_freq: int = integer(_RISKFOLIO, 1, 30, 7, "days")

    pattern_confidence_threshold: float = real(_PATTERNS, 0.5, 0.9, 0.6)
    pattern_lookback_period: int = integer(_PATTERNS, 20, 100, 50, "candles")
    pattern_min_pattern_size: int = integer(_PATTERNS, 3, 10, 5, "candles")
    pattern_max_pattern_size: int = integer(_PATTERNS, 10, 30, 15, "candles")
    pattern_use_volume_confirmation: bool = switch(_PATTERNS, True)
    pattern_volume_threshold: float = real(_PATTERNS, 1.2, 3.0, 1.5)
    pattern_use_regime_filter: bool = switch(_PATTERNS, True)
    pattern_regime_confirmation_bars: int = integer(_PATTERNS, 3, 10, 5, "candles")
    pattern_false_breakout_filter: bool = switch(_PATTERNS, True)
    pattern_breakout_retest_bars: int = integer(_PATTERNS, 2, 8, 3, "candles")
    pattern_target_multiplier: float = real(_PATTERN_LEVELS, 1.0, 3.0, 2.0)
    pattern_stop_loss_multiplier: float = real(_PATTERN_LEVELS, 0.5, 1.5, 1.0)
    pattern_trailing_activation_pct: float = real(_PATTERN_EXITS, 0.5, 2.0, 1.0, "% of entry price")
    pattern_trailing_step_pct: float = real(_PATTERN_EXITS, 0.1, 0.5, 0.2, "% of price")
    pattern_max_age_bars: int = integer(_PATTERNS, 5, 50, 20, "candles")
    pattern_confluence_weight: float = real(_PATTERNS, 0.0, 1.0, 0.5)
    pattern_timeframe_alignment: bool = switch(_PATTERNS, True)
    pattern_support_resistance_weight: float = real(_PATTERNS, 0.0, 1.0, 0.3)
    pattern_trend_alignment_weight: float = real(_PATTERNS, 0.0, 1.0, 0.4)
    pattern_momentum_confirmation: bool = switch(_PATTERNS, True)

    rl_actor_lr: float = real(_RL, 1e-5, 1e-3, 3e-4, log=True)
    rl_critic_lr: float = real(_RL, 1e-5, 1e-3, 3e-4, log=True)
    rl_gamma: float = real(_RL, 0.90, 0.99, 0.95)
    rl_clip_epsilon: float = real(_RL, 0.1, 0.3, 0.2)
    rl_gae_lambda: float = real(_RL, 0.90, 0.99, 0.95)
    rl_entropy_coef: float = real(_RL, 0.0, 0.1, 0.01)
    rl_value_coef: float = real(_RL, 0.1, 1.0, 0.5)
    rl_max_grad_norm: float = real(_RL, 0.1, 1.0, 0.5)
    rl_ppo_epochs: int = integer(_RL, 3, 10, 5)
    rl_mini_batch_size: int = integer(_RL, 32, 256, 64)
    rl_actor_hidden_layers: str = choice(_RL, _LAYERS, "[256,128]")
    rl_critic_hidden_layers: str = choice(_RL, _LAYERS, "[256,128]")
    rl_use_lstm: bool = switch(_RL, False)
    rl_lstm_hidden_size: int = integer(_RL, 64, 256, 128)
    rl_hybrid_alpha: float = real(_BLEND, 0.0, 1.0, 0.5)

    risk_stop_loss_pct: float = real(_LEVELS, 0.5, 5.0, 2.0, "% of price")
    risk_take_profit_pct: float = real(_LEVELS, 1.0, 10.0, 4.0, "% of price")
    risk_trailing_stop_pct: float = real(_EXITS, 0.5, 3.0, 1.0, "% of price")
    risk_trailing_activation_pct: float = real(_EXITS, 0.5, 2.0, 1.0, "% of entry price")
    risk_atr_multiplier: float = real(_LEVELS, 1.0, 3.0, 2.0)
    risk_atr_period: int = integer(_LEVELS, 10, 30, 14, "candles")
    risk_use_trailing_stop: bool = switch(_EXITS, True)
    risk_use_time_based_exit: bool = switch(_EXITS, True)
    risk_max_holding_hours: int = integer(_EXITS, 6, 48, 24, "hours")
    risk_daily_loss_limit_pct: float = real(_EXITS, 2.0, 5.0, 3.0, "% of equity")
    risk_use_breakeven_stop: bool = switch(_EXITS, True)
    risk_breakeven_trigger_pct: float = real(_EXITS, 0.5, 1.5, 1.0, "% of entry price")

    sizing_method: str = choice(_SIZING, ("fixed_fraction", "kelly", "optimal_f", "volatility_adjusted"), "fixed_fraction")
    sizing_base_risk_pct: float = real(_SIZING, 0.5, 2.0, 1.0, "% of equity")
    sizing_kelly_fraction: float = real(_SIZING, 0.1, 0.5, 0.25)
    sizing_max_position_size_pct: float = real(_LIMIT, 10.0, 50.0, 20.0, "% of equity as margin")
    sizing_regime_trending_multiplier: float = real(_REGIME, 1.0, 2.0, 1.5)
    sizing_regime_ranging_multiplier: float = real(_REGIME, 0.5, 1.0, 0.7)
    sizing_regime_volatile_multiplier: float = real(_REGIME, 0.3, 0.8, 0.5)
    sizing_confidence_scaling: bool = switch(_SIZING, True)
    sizing_confidence_min_multiplier: float = real(_SIZING, 0.3, 0.7, 0.5)
    sizing_confidence_max_multiplier: float = real(_SIZING, 1.0, 2.0, 1.5)

    filter_vix_enabled: bool = switch(_VIX, True)
    filter_vix_high_threshold: float = real(_VIX, 20.0, 40.0, 30.0)
    filter_vix_extreme_threshold: float = real(_VIX, 35.0, 60.0, 50.0)
    filter_vix_high_reduction_pct: float = real(_VIX, 0.3, 0.7, 0.5)
    filter_vix_extreme_reduction_pct: float = real(_VIX, 0.5, 0.9, 0.7)
    filter_sentiment_enabled: bool = switch(_SENTIMENT, True)
    filter_sentiment_contrarian_threshold: float = real(_SENTIMENT, 0.6, 0.9, 0.75)
    filter_sentiment_confidence_threshold: float = real(_SENTIMENT, 0.5, 0.8, 0.6)
    filter_sentiment_fade_strength: float = real(_SENTIMENT, 0.5, 1.5, 1.0)
    filter_sentiment_use_news: bool = switch(_SENTIMENT, False)
    filter_volume_enabled: bool = switch(_VOLUME, True)
    filter_volume_obv_period: int = integer(_VOLUME, 10, 50, 20, "candles")
    filter_volume_vwap_period: int = integer(_VOLUME, 20, 100, 50, "candles")
    filter_volume_spike_threshold: float = real(_VOLUME, 1.5, 3.0, 2.0)
    filter_volume_min_liquidity_pct: float = real(_VOLUME, 0.5, 0.9, 0.7)

    def __post_init__(self) -> None:
        for definition in definitions():
            checked = definition.checked(getattr(self, definition.name))
            object.__setattr__(self, definition.name, checked)
        if broken := broken_constraints(self.to_json()):
            raise ParameterError("; ".join(broken))

    @classmethod
    def default(cls) -> Self:
        """Every parameter at its default."""
        return cls()

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The record of a mapping with exactly the 90 names. Raises `ParameterError` naming missing and unknown names."""
        missing = [name for name in _names() if name not in values]
        if missing:
            raise ParameterError(
                f"{len(missing)} of the {len(_names())} parameters are missing: {', '.join(missing[:5])}. Give all of them."
            )
        _refuse_unknown(values)
        return cls(**values)

    def to_json(self) -> dict[str, ParameterValue]:
        """The 90 values by name, in the order of the specification."""
        return {name: getattr(self, name) for name in _names()}

    def replace(self, /, **changes: Any) -> Self:
        """A copy with some values changed and everything checked again. Raises `ParameterError`."""
        _refuse_unknown(changes)
        return dataclasses.replace(self, **changes)

    @property
    def sha256(self) -> str:
        """The content hash of the 90 values."""
        return content_hash.of_json(self.to_json())


@cache
def definitions() -> tuple[ParameterDefinition, ...]:
    """The 90 definitions in the order of the fields."""
    return tuple(_definition_of(field) for field in dataclasses.fields(StrategyParameters))


def _definition_of(field: "dataclasses.Field[Any]") -> ParameterDefinition:
    declared = field.metadata
    default: Any = field.default
    return ParameterDefinition(field.name, declared["kind"], default, declared["about"], **declared["details"])


@cache
def searched_definitions() -> tuple[ParameterDefinition, ...]:
    """The definitions of the parameters that a search may vary from trial to trial: what no asset was made with."""
    return tuple(definition for definition in definitions() if definition.fitted_by is None)


def definition(name: str) -> ParameterDefinition:
    """The definition of one parameter. Raises `ParameterError` for an unknown name."""
    _refuse_unknown({name: None})
    return definitions()[_names().index(name)]


@cache
def _names() -> tuple[str, ...]:
    return tuple(definition.name for definition in definitions())


def _refuse_unknown(values: Mapping[str, Any]) -> None:
    unknown = sorted(name for name in values if name not in _names())
    if not unknown:
        return
    near = list(dict.fromkeys(match for name in unknown for match in get_close_matches(name, _names(), n=3)))
    groups = sorted({name.partition("_")[0] for name in _names()})
    hint = f"did you mean {', '.join(near[:5])}?" if near else f"the {len(_names())} names begin with {', '.join(groups)}"
    raise ParameterError(f"unknown parameter {', '.join(unknown[:5])}; {hint}")
