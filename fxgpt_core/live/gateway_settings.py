"""How a gateway runs."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from fxgpt_core.portfolio.guards.settings import GuardSettings


@dataclass(frozen=True)
class GatewaySettings:
    """How a gateway runs: `folder` holds the files of its kill switch; times in seconds.

    `begins_halted`: an account that never traded waits for a person. `wants_candles`: the feed is of the broker's candles.
    """

    folder: Path | None = None
    most_starts: int = 3
    starts_within: timedelta = timedelta(minutes=10)
    most_in_flight: int = 20
    begins_halted: bool = False
    wants_candles: bool = True
    look_at_positions_s: float = 0.5
    look_at_orders_s: float = 1.0
    look_at_candles_s: float = 0.25
    read_anew_s: float = 60.0
    guards: GuardSettings = field(default_factory=GuardSettings)


DEFAULTS = GatewaySettings()
