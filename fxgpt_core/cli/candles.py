"""fxgpt candles import | list: the user's own candle files, and all that is stored."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fxgpt_core.cli import candle_quality, candle_show, candle_sync
from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_pairs, tell_table
from fxgpt_core.settings import read_settings

HELP = """Import and list candles.

Example: fxgpt candles import eurusd.csv --symbol EURUSD --timeframe 1h
"""
SHOWN_HASH = 16

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
app.command("quality")(candle_quality.candle_quality)
app.command("show")(candle_show.show_candles)
app.command("sync")(candle_sync.sync_candles)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Candle file: CSV, Parquet, HistData, MT4/MT5, TrueFX.")]
FormatOption = Annotated[
    str, typer.Option("--format", help="auto, generic, histdata, mt4, mt5, hst or truefx; auto looks at name and first line.")
]
ZoneOption = Annotated[
    str | None, typer.Option("--zone", help="Zone of a broker's stamps: NY+7 (most brokers), or such as Europe/Athens.")
]


@app.command("import")
def import_candles(
    file: FileArgument,
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    format_: FormatOption = "auto",
    zone: ZoneOption = None,
    json: JsonFlag = False,
) -> None:
    """Check a candle file and store it; the stored series goes before the sample from then on.

    Example: fxgpt candles import eurusd.csv --symbol EURUSD --timeframe 1h
    """
    from fxgpt_core.candles import plausibility
    from fxgpt_core.candles.providers.formats import file_format, read_checked
    from fxgpt_core.candles.providers.reading import ReadRequest
    from fxgpt_core.candles.quality import quality
    from fxgpt_core.candles.store import CandleStore
    from fxgpt_core.market import symbols, timeframes

    wanted, length = symbols.symbol(symbol), timeframes.timeframe(timeframe)
    read = read_checked(file, ReadRequest(wanted.name, length, zone), file_format(format_))
    frame = read.frame
    plausibility.check_plausible(frame, length, datetime.now(UTC), str(file))
    source = f"{file.resolve()} (stamps of {zone})" if zone else str(file.resolve())
    stored = CandleStore(read_settings().import_root).put(frame, wanted.name, length, source)
    report = quality(frame, length)
    notes = [*read.findings, *plausibility.notes(frame, report)]
    payload: dict[str, object] = {"symbol": wanted.name, "sha256": stored.sha256, "path": stored.path, **report.to_dict()}
    payload |= {"missing": report.missing, "notes": notes}

    def tell() -> None:
        say(f"stored {stored.rows} candles of {wanted.name} {length}, {stored.first:%Y-%m-%d} to {stored.last:%Y-%m-%d}")
        tell_pairs({name: payload[name] for name in ("path", "sha256", "completeness", "n_missing", "n_spikes", "n_flat")})
        for note in notes:
            say(f"note: {note}")
        say(f"next: `make demo SYMBOL={wanted.name} TIMEFRAME={length}`")

    answer(payload, json, tell)


@app.command("list")
def list_candles(json: JsonFlag = False) -> None:
    """Every stored version of every imported and downloaded series, and the sample that ships with fxgpt.

    Example: fxgpt candles list --json
    """
    from fxgpt_core.candles.providers.remote import SOURCES
    from fxgpt_core.candles.providers.sample import SampleProvider

    settings = read_settings()
    roots = {"imported": settings.import_root} | {name: settings.download_root / name for name in SOURCES}
    rows = [row for provider, root in roots.items() for row in _stored_series(provider, root)]
    sample = [{"symbol": symbol, "timeframe": str(timeframe)} for symbol, timeframe in SampleProvider().available()]

    def tell() -> None:
        short = [row | {"sha256": str(row["sha256"])[:SHOWN_HASH]} for row in rows]
        tell_table(
            short, "nothing imported or downloaded yet; `fxgpt candles import FILE --symbol EURUSD --timeframe 1h` stores a file"
        )
        say("sample, always there: " + ", ".join(f"{item['symbol']} {item['timeframe']}" for item in sample))

    answer({"candles": rows, "sample": sample}, json, tell)


def _stored_series(provider: str, root: Path) -> list[dict[str, object]]:
    from fxgpt_core.candles.store import CandleStore

    store = CandleStore(root)
    latest = {store.latest(symbol, timeframe).path for symbol, timeframe in store.series()}
    return [
        {
            "provider": provider,
            "symbol": card.symbol,
            "timeframe": str(card.timeframe),
            "rows": card.rows,
            "first": card.first,
            "last": card.last,
            "latest": card.path in latest,
            "sha256": card.sha256,
            "source": card.source,
        }
        for card in store.list()
    ]
