"""The role of a remote source of context: one that is asked for trade dates and answers with their closes."""

from datetime import date
from typing import Final, Protocol

import polars as pl

CLOSES: Final = {"refers_to": pl.Date(), "close": pl.Float64()}


class ContextSource(Protocol):
    """A remote source of daily closes; `name` is recorded as the source of every series downloaded from it.

    A close counts splits and no dividends: else a share would seem to lose half its price in the night of a split, and the whole
    history would change with each dividend, by what was not known then.
    """

    @property
    def name(self) -> str:
        """A short lower-case name, stable over releases."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of context it serves."""

    def closes(self, kind: str, first: date, last: date) -> pl.DataFrame:
        """The closes of the trade dates in [first, last], columns as `CLOSES`, ascending, possibly none; all of them in one go.

        `last` has ended. Raises `MissingError` for a kind it does not serve, `BadInputError` where it refuses the key,
        `NotReadyError` where it does not answer, `SourceAnswerError` where the answer is no closes.
        """


def no_closes() -> pl.DataFrame:
    """An empty frame of closes: what a source has for a weekend."""
    return pl.DataFrame(schema=CLOSES)
