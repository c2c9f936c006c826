"""Which rooms each asset's code lives in; the hash of their sources is the asset's code version."""

from functools import cache
from pathlib import Path

import fxgpt_core
from fxgpt_core import content_hash

ROOT = Path(fxgpt_core.__file__).resolve().parents[1]

_CANDLES = ("market", "candles")
_FEATURES = (*_CANDLES, "features", "validation/lookahead.py")
_PATTERNS = (*_CANDLES, "patterns", "regimes/regime.py", "performance/bootstrap.py", "validation")
_FORECASTS = (*_FEATURES, "forecasts", "networks", "diffusion", "training", "validation/spans.py")
_FOLDS = (*_FORECASTS, "validation")
_CALIBRATION = ("market", "forecasts", "conformal")
_DECIDING = (*_FEATURES, "context", "regimes", "patterns", "forecasts", "conformal", "strategy", "portfolio")
_STRATEGY = (*_DECIDING, "backtest", "performance", "validation")
_SEARCH = (*_STRATEGY, "optimization", "registry/trials.py")
_LIVE = (*_FORECASTS, *_STRATEGY)

ROOMS: dict[str, tuple[str, ...]] = {
    "raw_candles": _CANDLES,
    "candles": _CANDLES,
    "context_series": (*_CANDLES, "context"),
    "features": _FEATURES,
    "intermarket_features": _FEATURES,
    "regimes": (*_CANDLES, "regimes", "forecasts/horizons.py", "validation/lookahead.py", "validation/spans.py"),
    "patterns": _PATTERNS,
    "diffusion_model": _FORECASTS,
    "quantile_head": _FORECASTS,
    "pattern_autoencoder": (*_FORECASTS, "patterns", "array_file.py"),
    "forecasts": _FORECASTS,
    "calibration_quantiles": _CALIBRATION,
    "walk_forward_validation": _STRATEGY,
    **{f"validation_fold_{number}": _FOLDS for number in range(1, 6)},
    "horizon_validation": ("forecasts",),
    "allocation": (*_CANDLES, "portfolio", "validation/lookahead.py"),
    "optimized_parameters": _SEARCH,
    "ablation": _SEARCH,
    "robustness": (*_SEARCH, "registry/gates.py", "registry/gate_evidence.py"),
    "vault": (*_SEARCH, "registry/vault.py"),
    "rl_agent": (*_LIVE, "context", "rl"),
    "deployment": ("registry",),
    "live_orders": ("registry/tables.py",),
    "adherence": ("market", "live", "registry/live_tables.py"),
    "shadow_comparison": (*_LIVE, "live"),
    "live_decision": _LIVE,
}
"""By asset (and `live_decision`, the live trading job): rooms and files below fxgpt_core."""


@cache
def code_version(asset: str) -> str:
    """SHA-256 over the sources of an asset's rooms, whole and without its history; a few milliseconds."""
    return content_hash.of_code(ROOT, (f"fxgpt_core/{room}" for room in set(ROOMS[asset])))
