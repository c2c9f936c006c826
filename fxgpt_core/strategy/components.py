"""What a strategy has besides candles and forecasts, by candle, and which of the 90 parameters each part reads."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from fxgpt_core.context.market_context import MarketContext
from fxgpt_core.errors import ParameterError
from fxgpt_core.market.rows import Rows
from fxgpt_core.portfolio.capital import Capital
from fxgpt_core.strategy.definitions import ParameterValue
from fxgpt_core.strategy.parameters import StrategyParameters

Record = TypeVar("Record")


@dataclass(frozen=True, eq=False)
class Components:
    """One value for each of N candles, known at its close; None (or False) where the strategy goes without.

    `patterns`: whether chart patterns are looked for. `regime` int8[N], codes of `REGIMES` or `UNKNOWN`; `anomaly` float64[N],
    the error of the window up to the candle over the error that flags it, NaN where not known. `capital` is of days and holds
    whatever the candles. `fitted`: the values of parameters that assets were made with, by name; those of parameters that
    nothing in use was made with are left out.
    """

    patterns: bool = False
    regime: npt.NDArray[np.int8] | None = None
    anomaly: npt.NDArray[np.float64] | None = None
    context: MarketContext | None = None
    capital: Capital | None = None
    fitted: Mapping[str, ParameterValue] = field(default_factory=dict)

    def select(self, rows: Rows) -> "Components":
        """Those of some of the candles."""
        return dataclasses.replace(
            self,
            regime=None if self.regime is None else self.regime[rows],
            anomaly=None if self.anomaly is None else self.anomaly[rows],
            context=None if self.context is None else self.context.select(rows),
        )

    def check(self, parameters: StrategyParameters) -> None:
        """Raises `ParameterError` for a parameter of another value than what is in use was made with: it would change nothing."""
        values = parameters.to_json()
        for name, made_with in self.fitted.items():
            if values[name] != made_with:
                raise ParameterError(
                    f"{name} is {values[name]!r}, but what is in use was made with {made_with!r}; leave it at that, or make "
                    "the asset again with the new value (`fxgpt parameters list` names it)"
                )


NONE = Components()
"""A strategy of forecasts alone."""


def record_of(kind: type[Record], parameters: StrategyParameters, prefix: str) -> Record:
    """A component's own record of those of the 90 parameters that begin with `prefix`, which its fields lack."""
    wanted: Any = kind
    return kind(**{name: getattr(parameters, prefix + name) for name in _shared_names(wanted, prefix)})


@cache
def _shared_names(kind: Any, prefix: str) -> tuple[str, ...]:
    ninety = {item.name for item in dataclasses.fields(StrategyParameters)}
    return tuple(item.name for item in dataclasses.fields(kind) if prefix + item.name in ninety)
