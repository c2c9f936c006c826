"""What a report is made of: the run as it was played, and rows of whatever else was found out about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from fxgpt_core.backtest.engine import BacktestAccount, BacktestResult
from fxgpt_core.backtest.stress import StressResult
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.optimization.robustness import Told
from fxgpt_core.performance.luck import LuckTest
from fxgpt_core.performance.report import Report, ReportParameters, report
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.gates import GateResult


@dataclass(frozen=True)
class Heading:
    """What was played: `about` says in a sentence which candles these are and what they prove; `made_at` has a time zone.

    `parameters_sha256` is None where no single set was played, as in a search. `artifacts`: ids by name of asset.
    """

    symbol: str
    made_at: datetime
    parameters_sha256: str | None = None
    about: str = ""
    artifacts: Mapping[str, str] = field(default_factory=dict)
    code: CodeIdentity | None = None


@dataclass(frozen=True)
class FoldRow:
    """One fold: windows as text, the hash of the set played, and what it did on `test` (`return_pct` in percent).

    A search chose the set on `train`; of one set that is played on every fold, `train` only went before.

    A fold without a result, such as one without `trades`, has neither Sharpe ratio nor return; `note` says why, and what else
    must be known.
    """

    fold: int
    train: str
    test: str
    parameters_sha256: str
    trades: int
    sharpe: float | None
    return_pct: float | None
    note: str = ""


@dataclass(frozen=True, eq=False)
class BacktestReport:
    """Everything a report shows: a run on its candles [N], the costs and the account it was played with, and what else is known.

    Raises `BadInputError` without a candle, for a moment without a time zone, and for costs or an account of another run.
    """

    heading: Heading
    candles: CandleArrays
    result: BacktestResult
    costs: Costs | FxCosts
    account: BacktestAccount
    folds: tuple[FoldRow, ...] = ()
    stress: tuple[StressResult, ...] = ()
    luck: tuple[LuckTest, ...] = ()
    gates: tuple[GateResult, ...] = ()
    robustness: tuple[Told, ...] = ()

    def __post_init__(self) -> None:
        if len(self.candles) == 0:
            raise BadInputError("there are no candles to report on; at least one is needed; report on the candles of the run")
        if self.heading.made_at.tzinfo is None:
            raise BadInputError(f"the report was made at {self.heading.made_at}, without a time zone; give the moment in UTC")
        if self.result.mode != self.costs.mode or self.result.cash != self.account.cash:
            raise BadInputError(
                f"the run was played in mode {self.result.mode} with {self.result.cash}, but costs and account are of mode "
                f"{self.costs.mode} with {self.account.cash}; give those the run was played with"
            )

    @cached_property
    def measured(self) -> Report:
        """Every measure of the run, above a risk-free rate of 0 and beside holding the symbol. Raises as `report` does."""
        conversion = self.costs.conversion if isinstance(self.costs, FxCosts) else None
        return report(self.result, self.candles, ReportParameters(conversion=conversion))
