"""fxgpt backtest: a parameter set over the stored forecasts, by the kernel or by backtesting.py."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_pairs, tell_table
from fxgpt_core.settings import read_settings

SHOWN_TRADES = 10
TOLD = ("entry_time", "exit_time", "side", "size", "entry_price", "exit_price", "reason", "profit")
SHOWN_METRICS = ("total_trades", "total_return_pct", "sharpe_ratio", "max_drawdown_pct", "profit_factor", "win_rate")


class Engine(StrEnum):
    """Which engine plays the decisions."""

    KERNEL = "kernel"
    REFERENCE = "reference"


ParamsOption = Annotated[
    Path | None, typer.Option("--params", metavar="FILE", help="JSON object of the parameters to change; others stay at default.")
]
EngineOption = Annotated[Engine, typer.Option("--engine", help="kernel: compiled; reference: backtesting.py. Equal trades.")]


def backtest(
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    params: ParamsOption = None,
    engine: EngineOption = Engine.KERNEL,
    json: JsonFlag = False,
) -> None:
    """Play a parameter set over the test span of the latest stored forecasts, which the model has not seen.

    Example: fxgpt backtest --symbol EURUSD --timeframe 1h --engine reference --json
    """
    from fxgpt_core.cli.stored import read_parameters, stored_problem

    parameters = read_parameters(params)
    stored = stored_problem(read_settings(), symbol, timeframe)
    from fxgpt_core.backtest.engine import execution_parameters
    from fxgpt_core.backtest.ledger import trade_dicts
    from fxgpt_core.performance.measures import metrics

    problem = stored.problem
    rows = stored.unseen.slice(problem.candles.known_at_us)
    candles = problem.candles.slice(rows.start, rows.stop)
    decisions = problem.decisions(parameters, stored.unseen)
    execution = execution_parameters(parameters, candles.timeframe)
    result = _engine(engine)(candles, decisions, execution, problem.costs, problem.account)
    trades, measured = trade_dicts(result.trades), metrics(result, candles).to_json()
    payload = {
        "symbol": problem.symbol,
        "timeframe": str(candles.timeframe),
        "engine": str(engine),
        "candles": len(candles),
        "parameters_sha256": parameters.sha256,
        "artifacts": stored.artifacts,
        "final_equity": result.final_equity,
        "metrics": measured,
        "decisions": decisions.reason_counts(),
        "trades": trades,
    }

    def tell() -> None:
        say(f"{problem.symbol} {candles.timeframe}: {len(trades)} trades over {len(candles)} unseen candles, by the {engine}")
        tell_pairs({name: measured[name] for name in SHOWN_METRICS if name in measured})
        tell_table([_short(trade) for trade in trades[-SHOWN_TRADES:]], "no trade: every decision was to stay out")

    answer(payload, json, tell)


VERBS: dict[str, Callable[..., Any]] = {"backtest": backtest}


def _engine(engine: Engine) -> Callable[..., Any]:
    if engine is Engine.REFERENCE:
        from fxgpt_core.backtest.reference import reference_backtest

        return reference_backtest
    from fxgpt_core.backtest.engine import backtest as kernel_backtest

    return kernel_backtest


def _short(trade: dict[str, object]) -> dict[str, object]:
    return {name: trade[name] for name in TOLD}
