"""How symbols move together, by the closes of the feed."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, select

from fxgpt_core.portfolio.exposure import Holding, correlations
from fxgpt_core.registry.live_tables import live_candles

CANDLES = 500


def correlations_with(connection: Connection, name: str, timeframe: str, held: Sequence[Holding]) -> tuple[float, ...]:
    """Pearson's correlation of each holding's returns with a symbol's, over the last candles of both; NaN where too few."""
    names = {each.symbol.name for each in held} - {name}
    own = _closes(connection, name, timeframe) if names else {}
    found = {name: 1.0} | {other: _correlation(own, _closes(connection, other, timeframe)) for other in sorted(names)}
    return tuple(found[each.symbol.name] for each in held)


def _closes(connection: Connection, name: str, timeframe: str) -> dict[int, float]:
    mine = (live_candles.c.symbol == name, live_candles.c.timeframe == timeframe)
    asked = select(live_candles.c.known_at_us, live_candles.c.close).where(*mine)
    found = connection.execute(asked.order_by(live_candles.c.known_at_us.desc()).limit(CANDLES))
    return {int(known_at_us): float(close) for known_at_us, close in found}


def _correlation(one: dict[int, float], other: dict[int, float]) -> float:
    times = sorted(one.keys() & other.keys())
    if len(times) < 2:
        return float("nan")
    closes_of = np.array([[one[time], other[time]] for time in times])
    return float(correlations(np.diff(np.log(closes_of), axis=0))[0, 1])
