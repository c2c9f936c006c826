"""Secrets that show themselves nowhere: not in a repr, and not in a log record of any library.

A `Secret` that was made is remembered by this process, and every log record made afterwards has its text replaced, in the
message and in the traceback, whoever writes it: an HTTP client logs whole addresses, and the venue's token address carries the
secret.
"""

import logging
import urllib.parse
from typing import Any

HIDDEN = "[secret]"
SHORTEST = 8
"""Shorter texts are not looked for in logs: they occur in them by chance."""


class Secret:
    """A text that is only told by `reveal`; repr, str and format tell nothing."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        _remember(text)

    def reveal(self) -> str:
        """The text itself, for the one place that sends or stores it."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a Secret does not leave its process")


def scrubbed(text: str) -> str:
    """A text with every secret of this process replaced."""
    for secret in _known:
        text = text.replace(secret, HIDDEN)
    return text


def _remember(text: str) -> None:
    if len(text) < SHORTEST:
        return
    if not _known:
        logging.setLogRecordFactory(_record)
    forms = {text, urllib.parse.quote(text, safe=""), urllib.parse.quote_plus(text)}
    # The longest first: one may be a part of another.
    _known[:] = sorted(forms.union(_known), key=len, reverse=True)


_known: list[str] = []
_made = logging.getLogRecordFactory()


def _record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    record = _made(*args, **kwargs)
    if record.exc_info and not record.exc_text:
        # Formatters use this text when it is there, instead of making it again from the exception.
        record.exc_text = scrubbed(logging.Formatter().formatException(record.exc_info))
    try:
        message = record.getMessage()
    except (TypeError, ValueError, KeyError):
        # A format that does not fit its arguments is told by the handler, as ever.
        return record
    clean = scrubbed(message)
    if clean != message:
        record.msg, record.args = clean, ()
    return record
