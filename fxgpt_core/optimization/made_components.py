"""A strategy's components from what is stored: the assets that make them, and what these say at each candle.

The same call for a search, a backtest and live decisions: they differ in the candles they give.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.context.market_context import MarketContext, market_context, unknown_context
from fxgpt_core.errors import BadInputError, RefusedError
from fxgpt_core.market.timeframes import HOUR_US
from fxgpt_core.portfolio.capital import Capital
from fxgpt_core.portfolio.daily_context import daily_context
from fxgpt_core.portfolio.policy import policy_weights
from fxgpt_core.portfolio.policy_blend import PolicyMode
from fxgpt_core.portfolio.policy_file import about_policy, policy_of_bytes
from fxgpt_core.portfolio.policy_parameters import TRAINED_BY
from fxgpt_core.portfolio.policy_state import states
from fxgpt_core.portfolio.universe import Universe, universe_of
from fxgpt_core.strategy.components import Components
from fxgpt_core.strategy.definitions import ParameterValue
from fxgpt_core.strategy.parameters import StrategyParameters, definitions

if TYPE_CHECKING:
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Lake

PATTERNS: Final = "patterns"
MADE_BY: Final = {
    "regimes": "regimes",
    "anomalies": "pattern_autoencoder",
    "context": "context_series",
    "allocation": "allocation",
    "policy": "rl_agent",
}
"""The asset of each part that is made; patterns are looked for in the candles themselves."""
PARTS: Final = (PATTERNS, *MADE_BY)
CANDLES, CONTEXT = "candles", "context_series"
CARRIED_US: Final = 36 * HOUR_US
"""Candles behind those that the context was joined to, as live ones are, take its last row for so long."""
_SHARING: Final = ("policy", "allocation")


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of one symbol: its candles, and the frame of its context, of these or other candles; None without."""

    candles: CandleArrays
    context: pl.DataFrame | None = None


def parts_of(lake: "Lake", symbol: str, timeframe: str, wanted: list[str] | None) -> tuple[str, ...]:
    """The parts that are wanted; by default patterns and all whose asset has been made, but for those that must be asked for.

    A policy must be: none has beaten weights that never change (docs/policy.md). So must an allocation of a single symbol, which
    can only take capital away from it. Raises `BadInputError`.
    """
    if wanted is not None:
        return known_parts(wanted)
    made = [part for part, asset in MADE_BY.items() if part != "policy" and symbol in lake.symbols(asset, timeframe)]
    if "allocation" in made and len(lake.latest(MADE_BY["allocation"], symbol, timeframe).summary["symbols"]) == 1:
        made.remove("allocation")
    return (PATTERNS, *made)


def known_parts(wanted: list[str]) -> tuple[str, ...]:
    """The parts of these names, in the order of `PARTS`. Raises `BadInputError` for a name that is none."""
    unknown = sorted(set(wanted) - set(PARTS))
    if unknown:
        raise BadInputError(f"the components {', '.join(unknown)} are unknown; known: {', '.join(PARTS)}; choose some of them")
    return tuple(part for part in PARTS if part in wanted)


def read_parts(parts: tuple[str, ...], symbol: str, read: "Callable[..., Artifact]") -> "dict[str, Artifact]":
    """The artifacts of the parts by role; `read(asset, symbol=…, role=…)` gives one, as `Making.read` does.

    Where capital is shared, the candles and the context of the other symbols are read too. Raises `MissingError`.
    """
    stored = {MADE_BY[part]: read(MADE_BY[part]) for part in parts if part in MADE_BY}
    if "policy" in parts and CONTEXT not in stored:
        # A policy sees the context of its own symbol too, whether or not the filters do.
        stored[CONTEXT] = read(CONTEXT)
    for name in _symbols(parts, stored):
        if name != symbol:
            stored[f"{CANDLES}_{name}"] = read(CANDLES, symbol=name, role=f"{CANDLES}_{name}")
            if "policy" in parts:
                stored[f"{CONTEXT}_{name}"] = read(CONTEXT, symbol=name, role=f"{CONTEXT}_{name}")
    return stored


def others_of(parts: tuple[str, ...], symbol: str, stored: "Mapping[str, Artifact]") -> tuple[str, ...]:
    """The symbols that share the capital with this one."""
    return tuple(name for name in _symbols(parts, stored) if name != symbol)


def known_of(symbol: str, candles: CandleArrays, used: "Used", stored: "Mapping[str, Artifact]") -> dict[str, Known]:
    """What is stored of a symbol, whose candles these are, and of those that share the capital with it."""
    own = stored[CONTEXT].frame() if CONTEXT in stored else None
    found = {symbol: Known(candles, own)}
    for name in others_of(used.parts, symbol, stored):
        frame, context = stored[f"{CANDLES}_{name}"].frame(), stored.get(f"{CONTEXT}_{name}")
        found[name] = Known(candle_arrays(frame, candles.timeframe), None if context is None else context.frame())
    return found


@dataclass(frozen=True)
class Used:
    """Which parts a strategy uses, and how it uses a policy."""

    parts: tuple[str, ...] = ()
    mode: PolicyMode = PolicyMode.HYBRID

    def to_json(self) -> dict[str, Any]:
        """As a proposal stores it."""
        return {"parts": list(self.parts), "policy_mode": str(self.mode)}

    @classmethod
    def of_proposal(cls, proposal: Mapping[str, Any]) -> "Used":
        """What a stored proposal was searched with: none where it is older than components."""
        stored = proposal.get("components")
        return cls() if stored is None else cls(tuple(stored["parts"]), PolicyMode(stored["policy_mode"]))


def components_of(
    symbol: str, known: Mapping[str, Known], stored: "Mapping[str, Artifact]", used: Used, unseen_us: int
) -> Components:
    """The components at the candles of a symbol; `known` tells of it and of all symbols that share the capital.

    `stored` are artifacts by role, those of `read_parts` and the forecasts; from `unseen_us` on lies the span that none of them
    may have learned from. Raises `RefusedError` for one that has, `CorruptArtifactError` when bytes were changed.
    """
    own, parts = known[symbol], used.parts
    for part in parts:
        _refuse_seen(part, stored, unseen_us)
    return Components(
        patterns=PATTERNS in parts,
        regime=_regime(own.candles, stored["regimes"]) if "regimes" in parts else None,
        anomaly=_anomaly(own.candles, stored["pattern_autoencoder"]) if "anomalies" in parts else None,
        context=_context(own) if "context" in parts else None,
        capital=_capital(symbol, known, stored, used),
        fitted=_fitted(parts, stored),
    )


def _regime(candles: CandleArrays, stored: "Artifact") -> npt.NDArray[np.int8]:
    from fxgpt_core.regimes.regime_model import RegimeModel

    return RegimeModel.from_json(stored.bytes().decode()).series(candles).regime


def _anomaly(candles: CandleArrays, stored: "Artifact") -> npt.NDArray[np.float64]:
    from fxgpt_core.patterns.anomalies import anomaly_of
    from fxgpt_core.patterns.anomaly_file import anomaly_model_of

    model = anomaly_model_of(stored.bytes(), stored.sha256, str(stored.path))
    return anomaly_of(model, candles).ratio


def _context(known: Known) -> MarketContext:
    """The context at the candles: that of the latest row of its frame, and nothing where that is older than `CARRIED`."""
    found = unknown_context(len(known.candles))
    if known.context is None or known.context.is_empty():
        return found
    whole = market_context(known.context)
    rows = known.context["known_at"].to_physical().to_numpy()
    place = np.searchsorted(rows, known.candles.known_at_us, side="right") - 1
    there = (place >= 0) & (known.candles.known_at_us - rows[place] <= CARRIED_US)
    for name, values in vars(found).items():
        values[there] = getattr(whole, name)[place[there]]
    return found


def _capital(symbol: str, known: Mapping[str, Known], stored: "Mapping[str, Artifact]", used: Used) -> Capital | None:
    names = _symbols(used.parts, stored)
    if not names:
        return None
    universe = universe_of({name: known[name].candles for name in names})
    if "policy" not in used.parts:
        return Capital(symbol, universe)
    mode = used.mode if "allocation" in used.parts else PolicyMode.RL_ONLY
    return Capital(symbol, universe, _policy(universe, known, stored[MADE_BY["policy"]]), mode)


def _policy(universe: Universe, known: Mapping[str, Known], stored: "Artifact") -> npt.NDArray[np.float64]:
    """float64[D,K]: the weights of the stored policy at the end of each day, without cash."""
    policy = policy_of_bytes(stored.bytes(), stored.sha256, str(stored.path))
    seen = {name: (known[name].candles, _context(known[name])) for name in universe.names}
    return policy_weights(policy, states(universe, daily_context(universe, seen)), universe.day)[:, :-1]


def _symbols(parts: tuple[str, ...], stored: "Mapping[str, Artifact]") -> tuple[str, ...]:
    """The symbols that share the capital: those of the policy where there is one, for it knows no others."""
    for part in _SHARING:
        if part in parts:
            return tuple(stored[MADE_BY[part]].summary["symbols"])
    return ()


def _fitted(parts: tuple[str, ...], stored: "Mapping[str, Artifact]") -> dict[str, ParameterValue]:
    """The parameters that the forecasts and the policy were made with.

    Forecasts of a sampler that the seven cannot tell, or of a quantile head, do not read them: they stay at their defaults.
    """
    default = StrategyParameters.default().to_json()
    named: Mapping[str, Any] = stored["forecasts"].summary.get("sssd") or {}
    sampler = [item.name for item in definitions() if item.fitted_by == "forecasts"]
    found = {name: named.get(name.removeprefix("sssd_"), default[name]) for name in sampler}
    if "policy" in parts:
        made_with = about_policy(stored[MADE_BY["policy"]].bytes())["parameters"]
        found |= {f"rl_{name}": made_with[name] for name in TRAINED_BY}
    return found


def _refuse_seen(part: str, stored: "Mapping[str, Artifact]", unseen_us: int) -> None:
    """Only what learns from candles has spans."""
    asset = MADE_BY.get(part, part)
    learned_us = stored[asset].summary.get("learned_until_us") if asset in stored else None
    if learned_us is not None and learned_us > unseen_us:
        raise RefusedError(
            f"{asset} of {stored[asset].symbol} has learned from candles up to {learned_us} µs, and the span that nothing may "
            f"have seen begins at {unseen_us} µs: results on it would be worth nothing; materialize {asset} again"
        )
