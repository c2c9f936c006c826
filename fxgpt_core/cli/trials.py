"""fxgpt trials best: the best trials ever recorded of a series, with their 90 parameters."""

from dataclasses import asdict
from typing import Annotated

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_table
from fxgpt_core.cli.registry import names
from fxgpt_core.settings import read_settings

app = typer.Typer(help="Trials of the searches.", no_args_is_help=True, rich_markup_mode=None)

CountOption = Annotated[int, typer.Option("--n", help="How many, from 1 to 1000.")]
RegimeOption = Annotated[str, typer.Option("--regime", help="global, trending_up, trending_down, ranging or volatile.")]
DrawdownOption = Annotated[
    float | None, typer.Option("--max-drawdown", metavar="PCT", help="Only with a smaller drawdown, in percent.")
]
WinRateOption = Annotated[float | None, typer.Option("--min-win-rate", help="Only with a win rate of at least this fraction.")]


@app.callback()
def _trials() -> None:
    """Keeps `best` a verb of its own, beside which others may come."""


@app.command("best")
def best(
    *,
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    regime: RegimeOption = "global",
    n: CountOption = 10,
    max_drawdown: DrawdownOption = None,
    min_win_rate: WinRateOption = None,
    json: JsonFlag = False,
) -> None:
    """The trials with the best Sharpe on their own train windows, over all runs; --json has their parameters too.

    Example: fxgpt trials best --symbol EURUSD --timeframe 1h --n 10 --max-drawdown 15 --json
    """
    from fxgpt_core.cli.stored import opened_ledger

    symbol, timeframe = names(symbol, timeframe)
    ledger = opened_ledger(read_settings())
    from fxgpt_core.registry.best_trials import BestTrialsQuery, best_trials

    found = best_trials(ledger, BestTrialsQuery(symbol, timeframe, regime, n, max_drawdown, min_win_rate))
    rows = [{"run": each.run_id, "trial": each.trial_number, "phase": each.phase, **each.results} for each in found]

    def tell() -> None:
        tell_table(rows, f"no trial of {symbol} {timeframe} {regime} is like that")
        if rows:
            say("in sample, each on its own train window; what a choice is worth is told by `fxgpt gates`")

    answer({"trials": [asdict(each) for each in found]}, json, tell)
