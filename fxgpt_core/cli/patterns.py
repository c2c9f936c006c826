"""fxgpt patterns list | study: the patterns in stored candles, and whether they are worth more than entries at random."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, minute, say, tell_table
from fxgpt_core.cli.candle_show import THE_END
from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.market.timeframes import Timeframe

HELP = """Chart patterns and candlesticks in stored candles.

Example: fxgpt patterns list --symbol EURUSD --timeframe 1h --from 2018-01-02
"""
THE_BEGIN = "1970-01-01"
LEVEL = 0.05

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)

FromOption = Annotated[str, typer.Option("--from", metavar="MOMENT", help="First moment, UTC: 2020-01-31 or …T17:00.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="MOMENT", help="Moment to end before; without it, the last.")]
KindOption = Annotated[str, typer.Option("--kind", help="Only this kind, such as double_top; without it, all.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="The most patterns to show, from the last on.")]
DrawsOption = Annotated[int, typer.Option("--draws", min=100, help="How many sets of random entries are drawn.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of the random entries.")]


@app.command("list")
def list_patterns(
    *,
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    from_: FromOption = THE_BEGIN,
    to: ToOption = None,
    kind: KindOption = "",
    limit: LimitOption = 20,
    json: JsonFlag = False,
) -> None:
    """Show the patterns that were known in a span, by the default parameters, and what became of them; the last first.

    Example: fxgpt patterns list --symbol EURUSD --timeframe 1h --from 2018-01-02 --to 2018-01-09 --kind double_top
    """
    import polars as pl

    from fxgpt_core.candles.since import moment_of
    from fxgpt_core.patterns.names import PATTERN_NAMES

    if kind and kind not in PATTERN_NAMES:
        raise BadInputError(f"there is no kind of pattern {kind!r}; known: {', '.join(PATTERN_NAMES)}; name one")
    start, stop = moment_of(from_, "--from"), THE_END if to is None else moment_of(to, "--to")
    name, length, frame, identity = _candles(symbol, timeframe)
    known = pl.coalesce("confirmed_at", "completed_at", "first_at")
    found = _events(frame, length).filter(known >= start, known < stop, (pl.col("kind") == kind) | (kind == ""))
    shown = found.sort(known, descending=True, maintain_order=True).head(limit)
    rows = list(shown.iter_rows(named=True))
    payload = {
        "symbol": name,
        "timeframe": str(length),
        "candles": identity,
        "found": len(found),
        "shown": len(rows),
        "patterns": rows,
    }

    def tell() -> None:
        tell_table([_told(row) for row in rows], f"no pattern of {name} {length} was known there")
        if len(found) > len(rows):
            say(f"{len(rows)} of {len(found)} patterns; `--limit {len(found)}` shows all")

    answer(payload, json, tell)


@app.command("study")
def study_patterns(
    symbol: SymbolOption, timeframe: TimeframeOption, draws: DrawsOption = 2_000, seed: SeedOption = 7, json: JsonFlag = False
) -> None:
    """Compare what followed each kind in the train span with random entries at the same hours, corrected for their number.

    Example: fxgpt patterns study --symbol EURUSD --timeframe 1h --json
    """
    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.patterns.event_study import StudyParameters, event_study
    from fxgpt_core.validation.spans import SpanParameters, split_spans

    name, length, frame, identity = _candles(symbol, timeframe)
    arrays = candle_arrays(frame, length)
    train = split_spans(arrays.known_at_us, SpanParameters()).train
    study = event_study(arrays, _events(frame, length), train, StudyParameters(draws=draws), seed).sort("p_value")
    rows = study.to_dicts()
    better = [row for row in rows if row["p_holm"] < LEVEL]
    payload = {"symbol": name, "timeframe": str(length), "candles": identity, "train_span": str(train), "study": rows}

    def tell() -> None:
        tell_table(rows, "no kind has enough patterns to be judged; import more candles")
        say(f"train span {train}; returns in deviations of a random walk over the horizon, in the pattern's direction")
        say(f"{len(better)} of {len(rows)} kinds and horizons beat random entries at {LEVEL:.0%} after Holm's correction")

    answer(payload | {"better": len(better)}, json, tell)


def _candles(symbol: str, timeframe: str) -> "tuple[str, Timeframe, pl.DataFrame, str]":
    """Name of the symbol, timeframe, the latest stored candles, and the id of their artifact."""
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake
    from fxgpt_core.market import symbols, timeframes

    wanted, length = symbols.symbol(symbol), timeframes.timeframe(timeframe)
    settings = read_settings()
    stored = read_only_lake(settings, opened_ledger(settings)).latest("candles", wanted.name, str(length))
    return wanted.name, length, stored.frame(), stored.id


def _events(frame: "pl.DataFrame", length: "Timeframe") -> "pl.DataFrame":
    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.patterns.events import events
    from fxgpt_core.patterns.parameters import PatternParameters

    return events(candle_arrays(frame, length), PatternParameters())


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """What a person reads of a pattern."""
    return {
        "kind": row["kind"],
        "side": "long" if row["side"] > 0 else "short",
        "first": minute(row["first_at"]),
        "completed": minute(row["completed_at"]),
        "confirmed": minute(row["confirmed_at"]),
        "fate": row["fate"],
        "confidence": row["confidence"],
        "level": row["level"],
        "height": row["height"],
    }
