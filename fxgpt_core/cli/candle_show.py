"""fxgpt candles show: the rows of a span, from the lake or as a provider's candles are stored."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_table
from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import Settings, read_settings

if TYPE_CHECKING:
    from fxgpt_core.market.timeframes import Timeframe
    from fxgpt_core.registry.range_query import SeriesFile

ASSETS = ("candles", "features", "raw_candles")
IMPORTED = "imported"
THE_END = datetime.max.replace(tzinfo=UTC)

FromOption = Annotated[str, typer.Option("--from", metavar="MOMENT", help="First open time, UTC: 2020-01-31 or …T17:00.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="MOMENT", help="Open time to end before; without it, the last.")]
AssetOption = Annotated[str, typer.Option("--asset", help="candles, features or raw_candles: the latest in the lake.")]
ProviderOption = Annotated[
    str | None,
    typer.Option("--provider", "-p", help="Instead of an asset: imported, or a provider such as tiingo, as it is stored."),
]
ColumnsOption = Annotated[str, typer.Option("--columns", help="Such as close,volume; without it, all.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="The most rows to show, from the first on.")]


def show_candles(
    *,
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    from_: FromOption,
    to: ToOption = None,
    asset: AssetOption = "candles",
    provider: ProviderOption = None,
    columns: ColumnsOption = "",
    limit: LimitOption = 20,
    json: JsonFlag = False,
) -> None:
    """Show the rows of a span; the file's hash is compared with the record first.

    Example: fxgpt candles show --symbol EURUSD --timeframe 1h --from 2018-01-02 --to 2018-01-03
    """
    from fxgpt_core.candles.since import moment_of
    from fxgpt_core.market import symbols, timeframes
    from fxgpt_core.registry.range_query import RangeReader

    wanted, length = symbols.symbol(symbol), timeframes.timeframe(timeframe)
    start, stop = moment_of(from_, "--from"), THE_END if to is None else moment_of(to, "--to")
    named = [name.strip() for name in columns.split(",") if name.strip()]
    files = _files(read_settings(), wanted.name, length, asset, provider)
    with RangeReader() as reader:
        found = reader.read(files, start, stop, named)
    rows = list(found.head(limit).iter_rows(named=True))
    origin = f"{asset if provider is None else provider} of {wanted.name} {length}"
    payload = {"symbol": wanted.name, "timeframe": str(length), "found": len(found), "shown": len(rows), "rows": rows}

    def tell() -> None:
        tell_table(rows, f"no row of {origin} opens there")
        if len(found) > len(rows):
            say(f"{len(rows)} of {len(found)} rows; `--limit {len(found)}` shows all")

    answer(payload | {"source": origin}, json, tell)


def _files(settings: Settings, symbol: str, timeframe: "Timeframe", asset: str, provider: str | None) -> "tuple[SeriesFile, ...]":
    from fxgpt_core.candles.providers.remote import SOURCES
    from fxgpt_core.candles.store import CandleStore
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake
    from fxgpt_core.registry.range_query import lake_files, stored_files

    if provider is not None:
        if provider not in (IMPORTED, *SOURCES):
            raise BadInputError(
                f"there is no provider {provider!r} whose candles are stored; known: {', '.join((IMPORTED, *SOURCES))}; name one"
            )
        root = settings.import_root if provider == IMPORTED else settings.download_root / provider
        return stored_files(CandleStore(root), [symbol], timeframe, verify=True)
    if asset not in ASSETS:
        raise BadInputError(f"asset {asset!r} cannot be shown as rows of a span; {', '.join(ASSETS)} can; choose one of them")
    return lake_files(read_only_lake(settings, opened_ledger(settings)), asset, [symbol], timeframe, verify=True)
