"""fxgpt regimes detect | show: which regime the latest candle is in, and what each regime was like."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, minute, say, tell_table
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.regimes.regime_model import RegimeModel

HELP = """Look at the regimes of a symbol.

Example: fxgpt regimes detect --symbol EURUSD --timeframe 1h
"""
app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)

LastOption = Annotated[int, typer.Option("--last", min=0, help="How many of the latest transitions are told.")]


@dataclass(frozen=True, eq=False)
class _Stored:
    place: str
    model: "RegimeModel"
    candles: "CandleArrays"
    named: dict[str, Any]


@app.command("detect")
def detect(symbol: SymbolOption, timeframe: TimeframeOption, json: JsonFlag = False) -> None:
    """The regime believed at the close of the latest stored candle, its probability, and since when.

    Example: fxgpt regimes detect --symbol EURUSD --timeframe 1h --json
    """
    from fxgpt_core.regimes.detection import detect_regime
    from fxgpt_core.regimes.regime import REGIMES, regime_name
    from fxgpt_core.regimes.regime_report import moment

    stored = _stored(symbol, timeframe)
    now = detect_regime(stored.model, stored.candles)
    last = stored.model.series(stored.candles).probability[-1]
    payload = stored.named | {
        "regime": regime_name(now.regime),
        "probability": now.probability,
        "known_at": moment(now.known_at_us),
        "since": moment(now.since_us),
        "candles_since": now.candles_since,
        "probabilities": {name: float(last[code]) for code, name in enumerate(REGIMES)},
    }

    def tell() -> None:
        certain = "" if now.probability is None else f", probability {now.probability:.3f}"
        say(f"{stored.place} at {_minute(payload['known_at'])}: {payload['regime']}{certain}")
        say(f"since {_minute(payload['since'])}, {now.candles_since} candles")
        tell_table([payload["probabilities"]], "no probability")

    answer(payload, json, tell)


@app.command("show")
def show(symbol: SymbolOption, timeframe: TimeframeOption, last: LastOption = 10, json: JsonFlag = False) -> None:
    """What each regime was like in and behind the train span, where it went, and the latest transitions.

    Drift and volatility are of the log-return of the candle after: mean and standard deviation, as fractions.
    Example: fxgpt regimes show --symbol EURUSD --timeframe 1h --last 20
    """
    from fxgpt_core.regimes.regime_report import regime_report

    stored = _stored(symbol, timeframe)
    payload = stored.named | regime_report(stored.model, stored.candles, last)

    def tell() -> None:
        made = payload["fitted_on"]
        ended = "converged" if made["converged"] else "NOT converged"
        say(f"{stored.place}: fitted on {made['n_candles']} candles to {_minute(made['last'])}, {ended}")
        tell_table(payload["statistics"], "no candle")
        say(f"where a regime went, of {payload['n_transitions']} transitions")
        tell_table(payload["went_to"], "no transition")
        say("the latest transitions, newest first")
        tell_table([row | {"known_at": _minute(row["known_at"])} for row in payload["transitions"]], "none")

    answer(payload, json, tell)


def _stored(symbol: str, timeframe: str) -> _Stored:
    """The latest model and candles. Raises `MissingError` naming what to materialize."""
    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake
    from fxgpt_core.market import symbols, timeframes
    from fxgpt_core.regimes.regime_model import RegimeModel

    wanted, length = symbols.symbol(symbol), timeframes.timeframe(timeframe)
    settings = read_settings()
    lake = read_only_lake(settings, opened_ledger(settings))
    made, candles = (lake.latest(asset, wanted.name, str(length)) for asset in ("regimes", "candles"))
    model, arrays = RegimeModel.from_json(made.bytes().decode()), candle_arrays(candles.frame(), length)
    named = {"symbol": wanted.name, "timeframe": str(length), "regimes": made.id, "candles": candles.id}
    return _Stored(f"{wanted.name} {length}", model, arrays, named)


def _minute(moment: str) -> str:
    return minute(datetime.fromisoformat(moment))
