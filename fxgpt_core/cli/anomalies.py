"""fxgpt anomalies: which candles of a stored series are unlike the history that an autoencoder learned."""

import math
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, minute, say, tell_pairs, tell_table
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.patterns.anomalies import AnomalySeries
    from fxgpt_core.patterns.anomaly_shares import FlaggedRun
    from fxgpt_core.registry.artifact import Artifact

ASSET = "pattern_autoencoder"
SPANS = ("train", "calibration", "test")
SECOND_US = 1_000_000

RunsOption = Annotated[int, typer.Option("--runs", min=0, help="How many of the latest runs of flagged candles are told.")]


def anomalies(symbol: SymbolOption, timeframe: TimeframeOption, runs: RunsOption = 10, json: JsonFlag = False) -> None:
    """Windows of the stored candles that the latest pattern_autoencoder cannot put together again: how many, where, and now.

    A candle is flagged when the window that ends with it has an error above the threshold, which is a percentile of the errors on
    validation windows; so many candles in a row are flagged by one freak.

    Example: fxgpt anomalies --symbol EURUSD --timeframe 1h --runs 5
    """
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake
    from fxgpt_core.market import symbols, timeframes

    name, length = symbols.symbol(symbol).name, str(timeframes.timeframe(timeframe))
    settings = read_settings()
    lake = read_only_lake(settings, opened_ledger(settings))
    payload = _found(lake.latest(ASSET, name, length), lake.latest("candles", name, length), runs)

    def tell() -> None:
        tell_pairs({name: payload[name] for name in ("window", "threshold", "candles", "known", "flagged", "runs")})
        say()
        tell_table(payload["shares"], "no error is known in any span")
        say()
        times = ("first", "last", "peak")
        rows = [run | {name: minute(run[name]) for name in times} for run in payload["latest_runs"]]
        tell_table(rows, "no run of flagged candles is told")
        say()
        say(_now(payload["latest"]))

    answer(payload, json, tell)


def _found(stored: "Artifact", of: "Artifact", n_runs: int) -> dict[str, Any]:
    """What the stored autoencoder finds in the candles, with the latest runs first."""
    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.market.timeframes import timeframe
    from fxgpt_core.patterns.anomalies import anomaly_of
    from fxgpt_core.patterns.anomaly_file import anomaly_model_of
    from fxgpt_core.patterns.anomaly_shares import flagged_runs

    candles = candle_arrays(of.frame(), timeframe(of.timeframe))
    model = anomaly_model_of(stored.bytes(), stored.sha256, str(stored.path))
    series = anomaly_of(model, candles)
    found = flagged_runs(series)
    return {
        "symbol": of.symbol,
        "timeframe": of.timeframe,
        "window": model.window,
        "threshold": model.threshold,
        "candles": len(candles),
        "known": int(series.known.sum()),
        "flagged": int(series.flagged.sum()),
        "runs": len(found),
        "latest": _latest(candles, series),
        "shares": _shares(stored, series, candles),
        "latest_runs": [_told(candles, run) for run in found[max(0, len(found) - n_runs) :]][::-1],
        "artifacts": {ASSET: stored.id, "candles": of.id},
    }


def _told(candles: "CandleArrays", run: "FlaggedRun") -> dict[str, Any]:
    """Open times of the first, last and most unusual candle of a run, its length and its highest ratio."""
    first, last, peak = (_opened(candles, row) for row in (run.first, run.last, run.peak))
    return {"first": first, "last": last, "candles": run.last - run.first + 1, "peak": peak, "highest": run.highest}


def _latest(candles: "CandleArrays", series: "AnomalySeries") -> dict[str, Any]:
    return {"open_time": _opened(candles, -1), "ratio": float(series.ratio[-1]), "flagged": bool(series.flagged[-1])}


def _opened(candles: "CandleArrays", row: int) -> datetime:
    return datetime.fromtimestamp(int(candles.open_time_us[row]) / SECOND_US, UTC)


def _now(latest: dict[str, Any]) -> str:
    if math.isnan(latest["ratio"]):
        return f"the latest candle, {minute(latest['open_time'])}: not known, a hole lies too near, or the series is too short"
    verdict = "an anomaly" if latest["flagged"] else "normal"
    return f"the latest candle, {minute(latest['open_time'])}: {verdict}, its error is {latest['ratio']:.2f} of the threshold"


def _shares(stored: "Artifact", series: "AnomalySeries", candles: "CandleArrays") -> list[dict[str, Any]]:
    from fxgpt_core.patterns.anomaly_shares import flagged_shares
    from fxgpt_core.validation.folds import Window

    spans = {name: Window(*stored.summary["spans"][name]) for name in SPANS}
    return [asdict(share) for share in flagged_shares(series, candles.known_at_us, spans)]


VERBS = {"anomalies": anomalies}
