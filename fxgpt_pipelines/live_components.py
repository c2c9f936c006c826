"""The components of a deployment at live candles: by the same call as in its search, on the history and what came since."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fxgpt_core.errors import RefusedError
from fxgpt_core.market.sessions import LONGEST_CLOSURE, closure_before_us
from fxgpt_core.market.timeframes import HOUR_US

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.optimization.made_components import Known
    from fxgpt_core.strategy.components import Components
    from fxgpt_pipelines.live_decision import Deployed


def live_components(deployed: "Deployed", candles: "CandleArrays", others: "Mapping[str, pl.DataFrame]") -> "Components":
    """What the deployment's components say at its candles; `others` are live candles of the symbols that share its capital.

    Context is that of the deployment, carried on for a while and then unknown, which is neutral. Raises `RefusedError` where
    another symbol has no candles of late: its share of the capital would be a guess.
    """
    from dataclasses import replace

    from fxgpt_core.optimization.made_components import components_of, known_of

    known = known_of(deployed.symbol, candles, deployed.used, deployed.stored)
    for name in deployed.others:
        known[name] = replace(known[name], candles=_continued(known[name], others.get(name), name, int(candles.known_at_us[-1])))
    unseen_us = int(deployed.stored["diffusion_model"].summary["spans"]["test"][0])
    return components_of(deployed.symbol, known, deployed.stored, deployed.used, unseen_us)


def _continued(known: "Known", live: "pl.DataFrame | None", name: str, now_us: int) -> "CandleArrays":
    """Stored and live candles of another symbol as one series."""
    import numpy as np
    import polars as pl

    from fxgpt_core.candles.arrays import candle_arrays

    stored = known.candles
    columns = ("open_time", "open", "high", "low", "close", "volume")
    series = stored
    if live is not None and live.height:
        frame = pl.DataFrame({name: getattr(stored, name) for name in columns[1:]}).with_columns(
            pl.Series("open_time", stored.open_time_us).cast(pl.Datetime("us", "UTC"))
        )
        later = live.filter(pl.col("open_time").to_physical() > int(stored.open_time_us[-1]))
        series = candle_arrays(pl.concat([frame.select(columns), later.select(columns)]), stored.timeframe)
    times = np.array([series.open_time_us[-1], max(now_us - stored.timeframe.us, series.open_time_us[-1])])
    missing_us = int(closure_before_us(times, stored.timeframe)[-1]) if times[1] > times[0] else 0
    if missing_us > LONGEST_CLOSURE.total_seconds() * 1_000_000:
        raise RefusedError(
            f"{name}, which shares the capital, has no candle for {missing_us / HOUR_US:.0f} hours of open market; at most "
            f"{LONGEST_CLOSURE.total_seconds() / 3600:.0f} may be: release its candles too, or deploy a set that was searched "
            "without allocation and policy"
        )
    return series
