"""The moment from which a person wants candles, as they write it."""

from datetime import UTC, datetime

from fxgpt_core.errors import BadInputError


def moment_of(text: str, name: str) -> datetime:
    """A day or time, UTC where it names no zone; `name` is what the person calls it. Raises `BadInputError`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInputError(
            f"{name} {text!r} is no moment; a day or time in UTC such as 2020-01-31 or 2020-01-31T17:00 is"
        ) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
