"""TrueFX's ticks, lines of EUR/USD,20240102 00:00:00.123,bid,ask in UTC (.csv, .gz or .zip), as candles of the bid."""

from pathlib import Path

import polars as pl

from fxgpt_core.candles.providers.files import numbers
from fxgpt_core.candles.providers.reading import FileCandles, ReadRequest, symbol_findings
from fxgpt_core.candles.providers.vendor_text import text_table, wall_clock
from fxgpt_core.candles.ticks import Side, candles_of_ticks, n_crossed
from fxgpt_core.errors import CandleSchemaError

COLUMNS = ("symbol", "time", "bid", "ask")


def read_truefx(path: Path, request: ReadRequest) -> FileCandles:
    """Bid candles of the request's timeframe; the findings tell how many ticks they are made of and how many were crossed.

    Crossed quotes (bid above ask) are told, not repaired. Raises `CandleSchemaError` for another symbol or several, for cells
    that cannot be read, and as `candles_of_ticks`.
    """
    table = text_table(path, COLUMNS, ",")
    symbols = table["symbol"].str.strip_chars().unique().sort().to_list()
    if len(symbols) != 1:
        raise CandleSchemaError(f"{path} holds ticks of {len(symbols)} symbols ({symbols[:5]}); one is needed; split the file")
    findings = symbol_findings(str(symbols[0]), request.symbol, str(path))
    time = wall_clock(table["time"], "%Y%m%d %H:%M:%S%.f", "20240102 00:00:00.123", path).dt.replace_time_zone("UTC")
    ticks = pl.DataFrame([time, numbers(table["bid"], path), numbers(table["ask"], path)])
    try:
        frame = candles_of_ticks(ticks, request.timeframe, Side.BID)
    except CandleSchemaError as error:
        raise CandleSchemaError(f"{path}: {error}") from error
    crossed = n_crossed(ticks)
    as_found = f"{crossed} of {len(ticks)} quotes are crossed (bid above ask); they were taken as they are, without a spread"
    told = (as_found,) if crossed else ()
    made = f"{len(frame)} candles of the bid were made of {len(ticks)} ticks; those cut by the ends of the file were left out"
    return FileCandles(frame, (*findings, made, *told))
