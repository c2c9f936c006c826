"""What it takes to follow a gate's remedy, so that of several failed gates the cheapest one to fix can be named."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final, Protocol


class Effort(IntEnum):
    """What a remedy asks for, cheapest first."""

    CALIBRATION = 1
    SEARCH = 2
    CANDLES = 3
    FORECAST = 4
    OPENING = 5


TOLD: Final = {
    Effort.CALIBRATION: "minutes: calibrate again",
    Effort.SEARCH: "another search",
    Effort.CANDLES: "more candles",
    Effort.FORECAST: "a better forecast, or a cheaper broker",
    Effort.OPENING: "the vault, which is opened last and once",
}

EFFORTS: Final = {
    **{f"coverage_{level}_not_{side}": Effort.CALIBRATION for level in (50, 80, 95) for side in ("below", "above")},
    **dict.fromkeys(("overfitting", "out_of_sample_ratio", "proposed_trades", "late_entries"), Effort.SEARCH),
    **dict.fromkeys(("stress_shocks", "stress_kept"), Effort.SEARCH),
    **dict.fromkeys(("deflated_sharpe", "track_record", "sharpe_at_5", "minimum_trades", "coverage_cases"), Effort.CANDLES),
    **dict.fromkeys(("superior_ability", "fold_consistency", "cost_x1_5", "cost_x2"), Effort.FORECAST),
    "vault_ratio": Effort.OPENING,
}
"""By gate."""


class Failed(Protocol):
    """A failed gate, as far as its effort is asked."""

    @property
    def gate(self) -> str:
        """Its name."""
        ...

    @property
    def value(self) -> float:
        """Its number."""
        ...

    @property
    def limit(self) -> float:
        """Its limit."""
        ...


def cheapest(failed: "Iterable[Failed]") -> "Failed | None":
    """The failed gate whose remedy asks for least; of several, the one that is nearest to its limit, as a fraction of it.

    A gate of no known effort is as dear as a better forecast. None where no gate failed.
    """
    return min(failed, key=lambda gate: (EFFORTS.get(gate.gate, Effort.FORECAST), _gap(gate)), default=None)


def cheapest_told(failed: "Iterable[Failed]") -> str:
    """One line that names the cheapest gate to fix; empty where no gate failed."""
    gate = cheapest(failed)
    return "" if gate is None else f"cheapest to fix: {gate.gate} ({TOLD[EFFORTS.get(gate.gate, Effort.FORECAST)]})"


def _gap(gate: "Failed") -> float:
    return abs(gate.value - gate.limit) / abs(gate.limit) if gate.limit else float("inf")
