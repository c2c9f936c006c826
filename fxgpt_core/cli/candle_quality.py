"""fxgpt candles quality: what is wrong with a series, month by month."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_table
from fxgpt_core.errors import MissingError, RefusedError
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.candles.defects.inspection import Inspection, MonthGrade
    from fxgpt_core.market.timeframes import Timeframe

SHOWN_FINDINGS = 20
QUOTES = r"^(bid|ask)_(open|high|low|close)$"

FileOption = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="A raw file that was not imported; Parquet may have bid_ and ask_ prices."),
]
AgainstOption = Annotated[
    Path | None, typer.Option("--against", metavar="FILE", help="A second source, to find a wrong time zone by the month.")
]


def candle_quality(
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    file: FileOption = None,
    against: AgainstOption = None,
    json: JsonFlag = False,
) -> None:
    """Grade each month of a series GREEN, YELLOW or RED, with the reasons; ends with 5 where one is RED. Nothing is changed.

    Example: fxgpt candles quality --symbol EURUSD --timeframe 1h --json
    """
    from datetime import timedelta

    from fxgpt_core.candles.defects.inspection import Grade, inspect
    from fxgpt_core.market import symbols, timeframes

    wanted, length = symbols.symbol(symbol), timeframes.timeframe(timeframe)
    origin, frame, length = (str(file), _raw(file), length) if file else _held(wanted.name, length)
    second = None if against is None else _raw(against)
    found = inspect(frame, length, daily_break=timedelta(minutes=wanted.daily_break_minutes), second=second)
    payload = {
        "symbol": wanted.name,
        "timeframe": str(length),
        "source": origin,
        "rows": len(frame),
        "grade": str(found.grade),
        "quarantined": int(found.with_quarantine(frame)["quarantined"].sum()),
        "counts": found.counts,
        "months": [_month(month) for month in found.months],
        "findings": list(found.findings.head(SHOWN_FINDINGS).iter_rows(named=True)),
    }

    def tell() -> None:
        tell_table([_short(month) for month in found.months], "no month")
        say(_summary(found, len(frame), origin))

    answer(payload, json, tell)
    if found.grade is Grade.RED:
        raise typer.Exit(RefusedError.exit_code)


def _raw(file: Path) -> "pl.DataFrame":
    """The candles of a file before any check of the series, with the quotes of a Parquet file."""
    import polars as pl

    from fxgpt_core.candles.providers.files import PARQUET_SUFFIX, TIME_NAMES, read_candle_file

    frame = read_candle_file(file)
    if not file.name.lower().endswith(PARQUET_SUFFIX):
        return frame
    given = pl.read_parquet(file)
    time = next(name for name in given.columns if name.lower() in TIME_NAMES)
    # Sorted as read_candle_file sorts: rows stay beside each other.
    quotes = given.sort(time, maintain_order=True).select(pl.col(QUOTES))
    return frame.hstack(quotes) if quotes.width else frame


def _held(symbol: str, timeframe: "Timeframe") -> "tuple[str, pl.DataFrame, Timeframe]":
    """The first provider that has the series, its candles as it holds them, and their timeframe, which may be a shorter one."""
    from fxgpt_core.candles.provider import CandleProvider, provided_candles
    from fxgpt_core.candles.providers.downloaded import DownloadedProvider
    from fxgpt_core.candles.providers.imported import ImportedProvider
    from fxgpt_core.candles.providers.remote import SOURCES
    from fxgpt_core.candles.providers.sample import SampleProvider
    from fxgpt_core.candles.store import CandleStore

    settings = read_settings()
    downloaded = [DownloadedProvider(CandleStore(settings.download_root / name), name) for name in SOURCES]
    imported = ImportedProvider(CandleStore(settings.import_root))
    providers: tuple[CandleProvider, ...] = (imported, *downloaded, SampleProvider())
    refusals = []
    for provider in providers:
        try:
            source = provided_candles(provider, symbol, timeframe).source_timeframe
            return provider.name, provider.candles(symbol, source), source
        except MissingError as error:
            refusals.append(str(error))
    raise MissingError("\n".join(refusals))


def _month(month: "MonthGrade") -> dict[str, object]:
    return {
        "month": month.month,
        "grade": str(month.grade),
        "candles": month.candles,
        "holiday": month.holiday,
        "counts": {str(kind): number for kind, number in month.counts.items()},
        "reasons": list(month.reasons),
    }


def _short(month: "MonthGrade") -> dict[str, object]:
    reasons = "; ".join(month.reasons)
    return {
        "month": month.month,
        "grade": str(month.grade),
        "candles": month.candles,
        "holiday": month.holiday,
        "reasons": reasons,
    }


def _summary(found: "Inspection", rows: int, origin: str) -> str:
    from fxgpt_core.candles.defects.inspection import Grade

    grades = ", ".join(f"{len(found.graded(grade))} {grade}" for grade in Grade)
    named = ", ".join(f"{number} {kind}" for kind, number in found.counts.items()) or "nothing"
    return f"{rows} candles from {origin}: {found.grade}; months: {grades}; found: {named}"
