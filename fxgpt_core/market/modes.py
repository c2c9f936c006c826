"""The two sets of rules by which orders fill."""

from enum import StrEnum


class Mode(StrEnum):
    """By which rules orders fill: those of backtesting.py 0.6.6 with flat costs, or those of a two-sided FX quote."""

    PARITY = "parity"
    FX = "fx"
