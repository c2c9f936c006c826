"""A stored problem with the costs of two-sided quotes, and with finer candles, from what is in the lake."""

from dataclasses import replace
from typing import TYPE_CHECKING

from fxgpt_core.cli.stored import StoredProblem, opened_ledger, read_only_lake
from fxgpt_core.settings import Settings

if TYPE_CHECKING:
    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.market.charges import Charges
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Lake


def with_quotes(stored: StoredProblem, settings: Settings, charges: "Charges") -> StoredProblem:
    """The problem played in mode FX at these charges, its profits converted by the latest candles of the joining symbol.

    Raises `MissingError` for candles of it that are not there, and `BadInputError` as `market.charges` does.
    """
    from fxgpt_core.market.conversion import joining_symbol
    from fxgpt_core.market.symbols import symbol

    joining, converting = joining_symbol(symbol(stored.problem.symbol), charges.account_currency), None
    if joining is not None:
        converting = _lake(settings).latest("candles", joining.name, str(stored.problem.candles.timeframe))
    return with_charges(stored, charges, converting)


def with_charges(stored: StoredProblem, charges: "Charges", converting: "Artifact | None") -> StoredProblem:
    """The problem played in mode FX at these charges; `converting`: candles of the symbol that converts profits, if one does."""
    from fxgpt_core.candles.charged import charged_candles

    problem, artifacts, cross = stored.problem, dict(stored.artifacts), None
    if converting is not None:
        artifacts[f"candles {converting.symbol}"] = converting.id
        cross = (converting.symbol, _candles(converting))
    paid = charged_candles(problem.symbol, problem.candles, charges, cross)
    return replace(stored, problem=replace(problem, paid=paid), artifacts=artifacts, charges=charges)


def with_detail(stored: StoredProblem, settings: Settings, timeframe: str) -> StoredProblem:
    """The problem with candles of a shorter timeframe, which tell whether stop or target was touched first.

    Raises `MissingError` when there are none, `BadInputError` when they are not shorter.
    """
    from fxgpt_core.market import timeframes

    artifact = _lake(settings).latest("candles", stored.problem.symbol, str(timeframes.timeframe(timeframe)))
    artifacts = {**stored.artifacts, f"candles {timeframe}": artifact.id}
    return replace(stored, problem=replace(stored.problem, finer=_candles(artifact)), artifacts=artifacts)


def _lake(settings: Settings) -> "Lake":
    return read_only_lake(settings, opened_ledger(settings))


def _candles(stored: "Artifact") -> "CandleArrays":
    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.market.timeframes import timeframe

    return candle_arrays(stored.frame(), timeframe(stored.timeframe))
