"""What a policy lives in, from stored artifacts: the accounts of one span, and what can be seen at the end of each day."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_pipelines.reading import arrays_of, calibration_of, costs_of, forecasts_of, spans_of, test_bands

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.conformal.bands import Bands
    from fxgpt_core.context.market_context import MarketContext
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making
    from fxgpt_core.rl.accounts import Accounts, Traded
    from fxgpt_core.rl.environment import EpisodeRows

    FloatArray = npt.NDArray[np.float64]

INPUTS = ("candles", "diffusion_model", "forecasts", "calibration_quantiles")
CONTEXT = "context_series"
CALIBRATION, TEST = "calibration", "test"

Sources = Mapping[str, "Mapping[str, Artifact]"]
"""The artifacts of each symbol by asset."""


@dataclass(frozen=True, eq=False)
class Market:
    """The accounts of one span, the states of their universe float64[D,137], and the rows of it that lie in the span.

    `played`: those rows that lie before the vault. `learned_until_us`: from then on nothing was seen.
    """

    accounts: "Accounts"
    states: "FloatArray"
    rows: "EpisodeRows"
    played: "EpisodeRows"
    learned_until_us: int

    @property
    def entries(self) -> int:
        """How many decisions of the rows that are played wish to enter."""
        return self.accounts.entries(self.played.first, self.played.stop - 1)


def sources_of(making: "Making", wanted: list[str] | None) -> Sources:
    """What the policy rests on, read through the making: of the partition's symbol, and of the wanted or all others there are.

    Raises `BadInputError` where the partition's symbol is not wanted, `MissingError` for what is not made yet.
    """
    own, timeframe = making.origin.symbol, making.origin.timeframe
    if wanted is None:
        ready = set.intersection(*(set(making.lake.symbols(asset, timeframe)) for asset in INPUTS))
        names = [own, *sorted(ready - {own})]
    else:
        names = [symbol_of(name).name for name in wanted]
    if own not in names or len(set(names)) < len(names):
        raise BadInputError(f"the symbols {', '.join(names)} found; {own} must be one of them and none there twice; name it")
    has_context = set(making.lake.symbols(CONTEXT, timeframe))
    return {
        name: {asset: making.read(asset, symbol=name) for asset in (*INPUTS, *([CONTEXT] if name in has_context else []))}
        for name in names
    }


def market(sources: Sources, span: str, vault_share: float = 0.0) -> Market:
    """The accounts of the calibration or the test span, of candles up to its end: nothing behind it is there to be seen.

    The span is what those of all symbols have in common. Decisions are those of the default parameters, by forecasts and chart
    patterns, with market filters; in the calibration span by bands rehearsed there. The vault is the last share of the span, of
    that symbol whose vault begins first. Raises `BadInputError` for more than five symbols, or no day in common before it.
    """
    from fxgpt_core.optimization.plan import before_vault
    from fxgpt_core.portfolio.daily_context import daily_context
    from fxgpt_core.portfolio.policy_state import states
    from fxgpt_core.portfolio.universe import universe_of
    from fxgpt_core.rl.accounts import Accounts
    from fxgpt_core.rl.environment import EpisodeRows

    bands = {name: _bands(of_symbol, span) for name, of_symbol in sources.items()}
    start_us = max(int(found.known_at_us[0]) for found in bands.values())
    stop_us = min(getattr(spans_of(of_symbol["diffusion_model"]), span).stop_us for of_symbol in sources.values())
    played_us = min(stop_us, *(before_vault(found.known_at_us, vault_share).stop_us for found in bands.values()))
    if start_us >= played_us:
        raise BadInputError(f"the {span} spans of {', '.join(sources)} have no candle in common; name symbols of the same years")
    contexts = {name: _context(of_symbol[CONTEXT]) for name, of_symbol in sources.items() if CONTEXT in of_symbol}
    traded = {
        name: _traded(of_symbol, bands[name].select(bands[name].known_at_us < stop_us), contexts.get(name), stop_us)
        for name, of_symbol in sources.items()
    }
    universe = universe_of({name: each.candles for name, each in traded.items()})
    context = daily_context(universe, {name: _up_to(traded[name].candles, known) for name, known in contexts.items()})
    # The day that is under way at the start is the first whose end is in the span.
    first, played, stop = universe.complete_days(_array(start_us, played_us, stop_us)).tolist()
    accounts, rows = Accounts(universe, tuple(traded.values())), (EpisodeRows(first, stop), EpisodeRows(first, played))
    return Market(accounts, states(universe, context), *rows, stop_us)


def _bands(of_symbol: "Mapping[str, Artifact]", span: str) -> "Bands":
    from fxgpt_core.conformal.rehearsal import rehearsed_bands

    candles, model, forecasts, calibration = (of_symbol[asset] for asset in INPUTS)
    arrays, spans = arrays_of(candles), spans_of(model)
    if span == TEST:
        return test_bands(forecasts, calibration, arrays, spans)[1]
    parameters = calibration_of(calibration, forecasts).parameters
    return rehearsed_bands(forecasts_of(forecasts), arrays, spans.calibration, parameters)


def _traded(of_symbol: "Mapping[str, Artifact]", bands: "Bands", context: "MarketContext | None", stop_us: int) -> "Traded":
    """What is decided, and what it costs, up to a moment; `context` of all candles."""
    import numpy as np

    from fxgpt_core.backtest.engine import execution_parameters
    from fxgpt_core.rl.accounts import Traded
    from fxgpt_core.strategy.components import Components
    from fxgpt_core.strategy.decision import decide
    from fxgpt_core.strategy.parameters import StrategyParameters
    from fxgpt_core.strategy.view import market_view

    stored = of_symbol["candles"]
    whole, parameters = arrays_of(stored), StrategyParameters.default()
    n = int(np.searchsorted(whole.known_at_us, stop_us))
    candles, costs = whole.slice(0, n), costs_of(stored.symbol, whole, spans_of(of_symbol["diffusion_model"]))
    components = Components(patterns=True, context=None if context is None else context.select(slice(n)))
    decisions = decide(market_view(candles, bands, parameters, components), parameters, costs)
    return Traded(candles, decisions, costs, execution_parameters(parameters, candles.timeframe))


def _context(stored: "Artifact") -> "MarketContext":
    from fxgpt_core.context.market_context import market_context

    return market_context(stored.frame())


def _up_to(candles: "CandleArrays", context: "MarketContext") -> "tuple[CandleArrays, MarketContext]":
    return candles, context.select(slice(len(candles)))


def _array(*times_us: int) -> "npt.NDArray[np.int64]":
    import numpy as np

    return np.array(times_us, dtype=np.int64)
