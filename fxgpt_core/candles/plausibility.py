"""What a sound series can still have wrong when a person imports it: timeframe, time zone, scale of prices, unit of spread."""

from datetime import datetime

import polars as pl

from fxgpt_core.candles.quality import QualityReport
from fxgpt_core.candles.schema import SPREAD
from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.timeframes import MINUTE_US, Timeframe

# Since 1980 gold rose less than this and no pair of currencies tenfold.
PRICE_FACTOR = 20.0
# Of the price. Of the symbols here, the widest usual spread is a seventh of this; in pips, a spread of USDJPY is four times this.
USUAL_SPREAD = 0.002


def check_plausible(frame: pl.DataFrame, timeframe: Timeframe, now: datetime, origin: str) -> None:
    """Raise `CandleSchemaError`, naming `origin`, for another timeframe, a spread in pips, and stamps after `now` (aware).

    `frame` is a checked one. Hourly candles lie on the grid of 5m too: the grid alone would let them pass as 5m candles of
    which most are missing.
    """
    _check_step(frame, timeframe, origin)
    _check_spread(frame, origin)
    later = frame.filter(pl.col("open_time") > now)["open_time"]
    if len(later):
        raise CandleSchemaError(
            f"{origin}: {len(later)} of {len(frame)} candles open after now, {now:%Y-%m-%d %H:%M} UTC "
            f"(first: {later[0].isoformat()}); only the past can be imported; is the time zone UTC, "
            "and is this machine's clock right?"
        )


def notes(frame: pl.DataFrame, report: QualityReport) -> list[str]:
    """What a person should look at, one line each; nothing is refused for it."""
    found = []
    if report.n_outside_week:
        found.append(
            f"{report.n_outside_week} of {report.rows} candles lie in the weekend, Friday to Sunday 17:00 New York: "
            "is the time zone UTC?"
        )
    lowest, highest = frame.select(pl.col("low").min(), pl.col("high").max()).row(0)
    if highest > PRICE_FACTOR * lowest:
        found.append(f"prices reach from {lowest:g} to {highest:g}: is a decimal point lost, or are two symbols in one file?")
    return found


def _check_spread(frame: pl.DataFrame, origin: str) -> None:
    if SPREAD not in frame.columns:
        return
    usual = frame.select((pl.col(SPREAD) / pl.col("close")).median()).item()
    if usual is not None and usual > USUAL_SPREAD:
        raise CandleSchemaError(
            f"{origin}: the usual spread is {usual:.2%} of the price, where at most {USUAL_SPREAD:.1%} can be: is it in pips or "
            "points? It must be in price units, such as 0.00014; convert it, name the format if it is MetaTrader's, or remove it"
        )


def _check_step(frame: pl.DataFrame, timeframe: Timeframe, origin: str) -> None:
    steps = frame["open_time"].to_physical().diff().drop_nulls()
    # One step alone may be the weekend's.
    if len(steps) < 2:
        return
    usual = int(steps.quantile(0.5, "lower") or 0)
    if usual == timeframe.us:
        return
    same = next((other for other in Timeframe if other.us == usual), None)
    looks = f"it looks like {same}; name that timeframe" if same else f"allowed are {', '.join(Timeframe)}; check the file"
    raise CandleSchemaError(
        f"{origin}: the usual step from candle to candle is {usual / MINUTE_US:g} minutes, not {timeframe}; {looks}"
    )
