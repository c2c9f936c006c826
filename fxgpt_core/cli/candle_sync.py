"""fxgpt candles sync: bring a downloaded series up to date, and say what rests on the version before."""

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, VerifyOption, answer, minute, say, tell_table
from fxgpt_core.errors import LedgerMissingError
from fxgpt_core.settings import Settings, ctrader_access, ctrader_account, provider_key, read_settings

if TYPE_CHECKING:
    from fxgpt_core.candles.source import CandleSource
    from fxgpt_core.candles.store import StoredCandles
    from fxgpt_core.candles.sync import Progress, SyncResult
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Lake

ProviderOption = Annotated[
    str,
    typer.Option(
        "--provider",
        "-p",
        help="dukascopy, dukascopy_ticks, dukascopy_json, tiingo, alpha_vantage, yahoo, binance (in tether, not dollars) or "
        "ctrader (your broker's own, after `fxgpt ctrader login`); some need a key.",
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="DAY", help="From when on, UTC: 2020-01-31 or 2020-01-31T17:00; kept from then on."),
]
STEP = 0.1


def sync_candles(
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    provider: ProviderOption,
    since: SinceOption = None,
    verify: VerifyOption = False,
    json: JsonFlag = False,
) -> None:
    """Download the candles that are missing; one that was cut off goes on where it was. A changed history is a new version.

    Example: fxgpt candles sync --symbol EURUSD --timeframe 5m --provider tiingo --since 2022-01-02
    """
    from fxgpt_core.candles.since import moment_of
    from fxgpt_core.candles.store import CandleStore
    from fxgpt_core.candles.sync import SyncParameters, sync
    from fxgpt_core.market import symbols, timeframes
    from fxgpt_core.registry.affected import made_from_earlier

    settings = read_settings()
    start = None if since is None else moment_of(since, "--since")
    wanted = SyncParameters(symbols.symbol(symbol).name, timeframes.timeframe(timeframe), datetime.now(UTC), start, revise=verify)
    source = _source(provider, settings)
    # Before anything is downloaded: a ledger that does not answer would be told only after the candles were stored.
    lake = _lake(settings)
    store = CandleStore(settings.download_root / source.name)
    result = sync(source, store, wanted, _Meter(f"{source.name} {wanted.symbol} {wanted.timeframe}").tell)
    affected = [] if lake is None else made_from_earlier(lake, source.name, result)
    payload = {
        "provider": source.name,
        "symbol": wanted.symbol,
        "timeframe": str(wanted.timeframe),
        "asked": [{"start": start, "stop": stop} for start, stop in result.asked],
        "added": result.added,
        "revised": asdict(result.revised),
        "withdrawn": asdict(result.withdrawn),
        "stored": _version(result.stored),
        "earlier": None if result.earlier is None else _version(result.earlier),
        "affected": [{"id": one.id, "asset": one.asset, "symbol": one.symbol, "timeframe": one.timeframe} for one in affected],
    }
    answer(payload, json, lambda: _tell(result, affected))


def _source(provider: str, settings: Settings) -> "CandleSource":
    """The source of a name; that of a broker is asked with the person's account there."""
    if provider == "ctrader":
        from fxgpt_core.brokers.ctrader.candle_provider import account_source

        return account_source(ctrader_access(settings), ctrader_account())
    from fxgpt_core.candles.providers.remote import remote_source

    return remote_source(provider, provider_key)


def _tell(result: "SyncResult", affected: "list[Artifact]") -> None:
    stored, revised, withdrawn = result.stored, result.revised, result.withdrawn
    say(f"stored {stored.rows} candles of {stored.symbol} {stored.timeframe}, {minute(stored.first)} to {minute(stored.last)}")
    for start, stop in result.asked:
        say(f"asked for {minute(start)} to {minute(stop)} UTC")
    say(f"{result.added} new, {revised.count} changed by {stored.source}")
    if revised.count:
        say(f"changed: from {minute(revised.first)} to {minute(revised.last)}; the version before is kept")
    if withdrawn.count:
        say(f"note: {withdrawn.count} stored candles came no more, from {minute(withdrawn.first)} on; they are kept")
    if result.earlier == stored:
        say("nothing changed: no new version")
        return
    if affected:
        rows = dict.fromkeys((one.asset, one.symbol, one.timeframe) for one in affected)
        say("made from an earlier version; materialize again:")
        tell_table([dict(zip(("asset", "symbol", "timeframe"), row, strict=True)) for row in rows], "")


class _Meter:
    """Progress on stderr: one line that is written over on a terminal, elsewhere a line for each tenth."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.next_step = STEP

    def tell(self, progress: "Progress") -> None:
        """Show how much is there, and how long the rest will take."""
        share = progress.done / progress.total
        left = "" if progress.seconds_left is None else f", about {progress.seconds_left:.0f} s left"
        line = f"{self.name}: {share:.0%} of {progress.total.days} days{left}"
        if sys.stderr.isatty():
            print(f"\r\033[K{line}", end="" if share < 1.0 else "\n", file=sys.stderr, flush=True)
        elif share >= self.next_step:
            print(line, file=sys.stderr, flush=True)
            self.next_step = share + STEP


def _lake(settings: Settings) -> "Lake | None":
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake

    try:
        return read_only_lake(settings, opened_ledger(settings))
    except LedgerMissingError:
        # Without a ledger nothing was made yet that could rest on these candles.
        return None


def _version(stored: "StoredCandles") -> dict[str, Any]:
    return {"rows": stored.rows, "first": stored.first, "last": stored.last, "sha256": stored.sha256, "path": stored.path}
