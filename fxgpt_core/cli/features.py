"""fxgpt features check: do the features see the future, and how soon do they forget where a series began."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_table
from fxgpt_core.errors import RefusedError
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.market.timeframes import Timeframe

HELP = """Check the features.

Example: fxgpt features check --symbol EURUSD --timeframe 1h
"""
app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)

LookaheadFlag = Annotated[bool, typer.Option("--look-ahead", help="Only this: cut the future off, compute again, compare.")]
WarmUpFlag = Annotated[bool, typer.Option("--warm-up", help="Only this: begin later, compute again, compare.")]
CutsOption = Annotated[int, typer.Option("--cuts", min=1, help="How often the future is cut off, evenly spread.")]


@app.callback()
def group() -> None:
    """A group of one verb still takes its name."""


@app.command("check")
def check(
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    look_ahead: LookaheadFlag = False,
    warm_up: WarmUpFlag = False,
    cuts: CutsOption = 20,
    json: JsonFlag = False,
) -> None:
    """Recompute the features of the stored candles with the future cut off, and with a later start (5 if a check fails).

    Example: fxgpt features check --look-ahead --symbol EURUSD --timeframe 1h --json
    """
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake
    from fxgpt_core.market import symbols, timeframes

    wanted, length = symbols.symbol(symbol), timeframes.timeframe(timeframe)
    settings = read_settings()
    stored = read_only_lake(settings, opened_ledger(settings)).latest("candles", wanted.name, str(length))
    candles = stored.frame()
    both = look_ahead == warm_up
    payload: dict[str, Any] = {"symbol": wanted.name, "timeframe": str(length), "rows": len(candles), "candles": stored.id}
    payload |= _look_ahead(candles, length, cuts) if both or look_ahead else {}
    payload |= _warm_up(candles, length) if both or warm_up else {}
    failed = [name for name in ("look_ahead_clean", "warm_up_enough") if payload.get(name) is False]

    def tell() -> None:
        if "differences" in payload:
            tell_table(payload["differences"], f"no feature changes when the future is cut off, at {len(payload['cuts'])} cuts")
        if "drift" in payload:
            tell_table(payload["drift"], "no rung was compared")
            allowed = f"a drift of {payload['most_drift']} standard deviations is allowed"
            say(f"the warm-up is {payload['warm_up']} candles; behind it {allowed}")
        say(f"{wanted.name} {length}, {len(candles)} candles: {'FAILED ' + ', '.join(failed) if failed else 'passed'}")

    answer(payload, json, tell)
    if failed:
        raise typer.Exit(RefusedError.exit_code)


def _look_ahead(candles: "pl.DataFrame", length: "Timeframe", n_cuts: int) -> dict[str, Any]:
    from fxgpt_core.features.matrix import features
    from fxgpt_core.validation.lookahead import lookahead_differences, spread_cuts

    report = lookahead_differences(lambda part: features(part, length), candles, spread_cuts(len(candles), n_cuts))
    differences = [
        {"feature": d.column, "rows": d.n_rows, "first": d.first_time, "cut": d.cut_time, "largest": d.max_difference}
        for d in report.differences
    ]
    return {
        "look_ahead_clean": report.clean,
        "cuts": report.cuts,
        "rows_compared": report.rows_compared,
        "differences": differences,
    }


def _warm_up(candles: "pl.DataFrame", length: "Timeframe") -> dict[str, Any]:
    from fxgpt_core.features.matrix import WARM_UP, features
    from fxgpt_core.validation.warm_up import LADDER, MOST_DRIFT, warm_up_drift

    ladder = tuple(sorted({*LADDER, WARM_UP}))
    found = warm_up_drift(lambda part: features(part, length, warm_up=0), candles, ladder)
    behind = next(rung.drift for rung in found if rung.candles == WARM_UP)
    drift = [{"candles": rung.candles, "drift": rung.drift, "worst": rung.column} for rung in found]
    return {"warm_up_enough": behind <= MOST_DRIFT, "warm_up": WARM_UP, "most_drift": MOST_DRIFT, "drift": drift}
