"""What a chaos run is made of."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from fxgpt_core.errors import BadInputError

SYMBOLS = (
    *("EURUSD", "GBPUSD", "AUDUSD", "NZDUSD", "EURGBP", "USDCHF", "USDCAD", "USDJPY"),
    *("EURJPY", "GBPJPY", "AUDJPY", "EURCHF", "EURAUD", "EURCAD", "GBPCHF", "CADJPY"),
)
PAPER_SYMBOLS = ("EURUSD", "GBPUSD", "AUDUSD", "NZDUSD")
"""Settled in one currency, which a paper account at flat costs is kept in."""
HOUR_US = 3_600_000_000
BEGIN_US = 1_790_172_000_000_000
"""A Wednesday of 2026, 14:00 UTC: a run begins then, whatever day it is."""
FIRST_US = BEGIN_US - 2000 * HOUR_US
"""Open time of the first candle; the hours of a run pass in seconds, and none may come out of the future."""


@dataclass(frozen=True)
class ChaosSettings:
    """`orders` to send, `kills` of the gateway in between; `wrong`: a defect of it that the run must find.

    `url`: of a PostgreSQL ledger; empty: SQLite in the folder of the run. `faults`: as of the simulator, `all` or `none`.
    """

    orders: int
    kills: int
    seed: int
    broker: str = "ctrader"
    url: str = ""
    wrong: str = ""
    faults: str = "all"
    quiet_s: float = 10.0
    first_us: int = FIRST_US
    clock_offset_us: int = field(default_factory=lambda: BEGIN_US - time.time_ns() // 1000)

    def __post_init__(self) -> None:
        if self.orders < 1 or self.kills < 0:
            raise BadInputError(f"{self.orders} orders and {self.kills} kills found; at least 1 order and 0 kills are needed")
        if self.broker not in ("paper", "ctrader"):
            raise BadInputError(f"there is no broker {self.broker}; it is paper or ctrader")

    def now_us(self) -> int:
        """The time of the run, which gateway and venue share."""
        return time.time_ns() // 1000 + self.clock_offset_us

    @property
    def grid(self) -> float:
        """By how much two prices may differ that are one: the paper broker keeps them as they are."""
        return 0.0 if self.broker == "paper" else 1e-5

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols traded, many at a time so that one in doubt does not stop the run."""
        return PAPER_SYMBOLS if self.broker == "paper" else SYMBOLS

    def ledger_url(self, root: Path) -> str:
        """Where the run's ledger is."""
        return self.url or f"sqlite:///{root / 'ledger.db'}"
