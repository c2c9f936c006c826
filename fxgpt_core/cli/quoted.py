"""A stored problem with the costs of two-sided quotes, and with finer candles, from what is in the lake."""

from dataclasses import replace
from typing import TYPE_CHECKING

from fxgpt_core.cli.stored import StoredProblem, opened_ledger, read_only_lake
from fxgpt_core.settings import Settings

if TYPE_CHECKING:
    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.market.conversion import Closes
    from fxgpt_core.registry.lake import Lake


def with_quotes(stored: StoredProblem, settings: Settings, account_currency: str) -> StoredProblem:
    """The problem played in mode FX: spreads as candles tell them or by session, swap, conversion into the account's currency.

    The other charges are the usual ones. Raises `MissingError` for candles of the joining symbol that are not there, and
    `BadInputError` as `market.charges` does.
    """
    from fxgpt_core.market.charges import Charges, charged
    from fxgpt_core.market.conversion import joining_symbol
    from fxgpt_core.market.symbols import symbol

    problem, charges = stored.problem, Charges(account_currency=account_currency.upper())
    joining = joining_symbol(symbol(problem.symbol), charges.account_currency)
    artifacts, cross = dict(stored.artifacts), None
    if joining is not None:
        candles, artifact = _candles(_lake(settings), joining.name, str(problem.candles.timeframe))
        cross, artifacts[f"candles {joining.name}"] = _closes(joining.name, candles), artifact
    closes = _closes(problem.symbol, problem.candles)
    paid = charged(closes, problem.candles.open_time_us, charges, spread=problem.candles.spread, cross=cross)
    return replace(stored, problem=replace(problem, paid=paid), artifacts=artifacts)


def is_base(symbol: str, account_currency: str) -> bool:
    """Whether an account is kept in the base currency of a symbol, so that its conversion moves with the price."""
    from fxgpt_core.market import symbols

    return symbols.symbol(symbol).base == account_currency.upper()


def with_detail(stored: StoredProblem, settings: Settings, timeframe: str) -> StoredProblem:
    """The problem with candles of a shorter timeframe, which tell whether stop or target was touched first.

    Raises `MissingError` when there are none, `BadInputError` when they are not shorter.
    """
    finer, artifact = _candles(_lake(settings), stored.problem.symbol, timeframe)
    artifacts = {**stored.artifacts, f"candles {timeframe}": artifact}
    return replace(stored, problem=replace(stored.problem, finer=finer), artifacts=artifacts)


def _lake(settings: Settings) -> "Lake":
    return read_only_lake(settings, opened_ledger(settings))


def _candles(lake: "Lake", symbol: str, timeframe: str) -> "tuple[CandleArrays, str]":
    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.market import timeframes

    length = timeframes.timeframe(timeframe)
    artifact = lake.latest("candles", symbol, str(length))
    return candle_arrays(artifact.frame(), length), artifact.id


def _closes(name: str, candles: "CandleArrays") -> "Closes":
    from fxgpt_core.market.conversion import Closes
    from fxgpt_core.market.symbols import symbol

    return Closes(symbol(name), candles.known_at_us, candles.close)
