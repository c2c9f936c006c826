"""fxgpt backtest: a parameter set over the stored forecasts, by the kernel or by backtesting.py."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_pairs, tell_table
from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.cli.stored import StoredProblem
    from fxgpt_core.optimization.problem import Evaluation
    from fxgpt_core.strategy.parameters import StrategyParameters

SHOWN_TRADES = 10
TOLD = ("entry_time", "exit_time", "side", "size", "entry_price", "exit_price", "reason", "profit")
SHOWN_METRICS = ("total_trades", "total_return_pct", "sharpe_ratio", "max_drawdown_pct", "profit_factor", "win_rate")


class Engine(StrEnum):
    """Which engine plays the decisions."""

    KERNEL = "kernel"
    REFERENCE = "reference"


class Fills(StrEnum):
    """By which rules orders fill."""

    PARITY = "parity"
    FX = "fx"


MEANING = {
    Fills.PARITY: "mode parity: flat costs, by the rules of backtesting.py",
    Fills.FX: "mode fx: bid and ask, slippage, swap, stop-out",
}
FillsOption = Annotated[
    Fills,
    typer.Option(
        "--mode",
        help="parity: flat costs, by the rules of backtesting.py; fx: bid and ask, spread by session, slippage, swap, stop-out.",
    ),
]
DetailOption = Annotated[
    str | None,
    typer.Option("--detail", metavar="TIMEFRAME", help="Shorter candles, such as 1m, that tell if stop or target came first."),
]
AccountOption = Annotated[str, typer.Option("--account", metavar="CURRENCY", help="Currency of the account in mode fx.")]
ParamsOption = Annotated[
    Path | None, typer.Option("--params", metavar="FILE", help="JSON object of the parameters to change; others stay at default.")
]
EngineOption = Annotated[Engine, typer.Option("--engine", help="kernel: compiled; reference: backtesting.py. Equal trades.")]


def backtest(
    *,
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    params: ParamsOption = None,
    engine: EngineOption = Engine.KERNEL,
    mode: FillsOption = Fills.PARITY,
    detail: DetailOption = None,
    account: AccountOption = "USD",
    json: JsonFlag = False,
) -> None:
    """Play a parameter set over the test span of the latest stored forecasts, which the model has not seen.

    Example: fxgpt backtest --symbol EURUSD --timeframe 1h --mode fx --json
    """
    from fxgpt_core.cli.quoted import with_detail, with_quotes
    from fxgpt_core.cli.stored import read_parameters, stored_problem

    parameters, settings = read_parameters(params), read_settings()
    if engine is Engine.REFERENCE and (mode is Fills.FX or detail is not None):
        raise BadInputError(
            f"--engine reference with {'--mode fx' if mode is Fills.FX else '--detail'}: backtesting.py knows neither two-sided "
            "quotes nor finer candles; leave one of them out"
        )
    stored = stored_problem(settings, symbol, timeframe)
    if mode is Fills.FX:
        stored = with_quotes(stored, settings, account)
    if detail is not None:
        stored = with_detail(stored, settings, detail)
    problem = stored.problem
    played = _by_reference(stored, parameters) if engine is Engine.REFERENCE else problem.evaluate(parameters, stored.unseen)
    payload = {
        "symbol": problem.symbol,
        "timeframe": str(played.candles.timeframe),
        "engine": str(engine),
        "candles": len(played.candles),
        "parameters_sha256": parameters.sha256,
        "artifacts": stored.artifacts,
        **_told(played),
        "decisions": problem.decisions(parameters, stored.unseen).reason_counts(),
    }

    def tell() -> None:
        trades, measured = payload["trades"], payload["metrics"]
        say(f"{problem.symbol} {timeframe}: {len(trades)} trades over {payload['candles']} unseen candles, by the {engine}")
        say(MEANING[mode])
        tell_pairs({name: measured[name] for name in SHOWN_METRICS if name in measured})
        tell_table([_short(trade) for trade in trades[-SHOWN_TRADES:]], "no trade: every decision was to stay out")

    answer(payload, json, tell)


VERBS: dict[str, Callable[..., Any]] = {"backtest": backtest}


def _told(played: "Evaluation") -> dict[str, Any]:
    """What a run earned, what it cost and what it traded."""
    from fxgpt_core.backtest.ledger import trade_dicts
    from fxgpt_core.performance.cost_parts import cost_parts

    result = played.result
    return {
        "mode": str(result.mode),
        "final_equity": result.final_equity,
        "metrics": played.metrics.to_json(),
        "costs": cost_parts(result.trades).to_json(),
        "ambiguous_exits": int(result.trades.ambiguous.sum()),
        "trades": trade_dicts(result.trades),
    }


def _by_reference(stored: "StoredProblem", parameters: "StrategyParameters") -> "Evaluation":
    """What `Problem.evaluate` gives, played by backtesting.py."""
    from fxgpt_core.backtest.engine import execution_parameters
    from fxgpt_core.backtest.reference import reference_backtest
    from fxgpt_core.optimization.problem import Evaluation
    from fxgpt_core.performance.measures import metrics

    problem = stored.problem
    rows = stored.unseen.slice(problem.candles.known_at_us)
    candles = problem.candles.slice(rows.start, rows.stop)
    execution = execution_parameters(parameters, candles.timeframe)
    result = reference_backtest(candles, problem.decisions(parameters, stored.unseen), execution, problem.costs, problem.account)
    return Evaluation(candles, result, metrics(result, candles))


def _short(trade: dict[str, object]) -> dict[str, object]:
    return {name: trade[name] for name in TOLD}
