"""How a request can end without an answer: it never left, it perhaps left, or the venue answered with an error."""

from dataclasses import dataclass

from fxgpt_core.errors import NotReadyError, RefusedError


class NeverWritten(NotReadyError):  # noqa: N818 - an outcome, not a defect
    """No byte of the request left this process: nothing happened at the venue, and it may be given again."""


class PerhapsWritten(NotReadyError):  # noqa: N818 - an outcome, not a defect
    """Writing had begun and no answer came that can be read: whether it happened is unknown."""


@dataclass(eq=False)
class ErrorAnswer(RefusedError):  # noqa: N818 - an outcome, not a defect
    """The venue answered with an error; `error_codes.reaction` tells what that means.

    `retry_after_s`: for how long this kind of message is blocked. `maintenance_end_us`: µs since the epoch, None if not told.
    """

    request: str
    code: str
    description: str = ""
    retry_after_s: float | None = None
    maintenance_end_us: int | None = None

    def __str__(self) -> str:
        """The venue's own words."""
        told = f": {self.description}" if self.description else ""
        return f"{self.request} was answered {self.code}{told}"
