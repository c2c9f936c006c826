"""Wall-clock stamps of a server, to UTC."""

import re
from datetime import datetime, timedelta

import polars as pl

from fxgpt_core.errors import BadInputError, CandleSchemaError
from fxgpt_core.market.sessions import NEW_YORK

# A broker's clock that follows New York, so that its day begins at 17:00 there: NY+7 in nearly every case.
FROM_NEW_YORK = re.compile(r"NY([+-]\d{1,2})")
ZONES = 'an IANA name such as Europe/Athens or Etc/GMT+5, or "NY+7" (New York wall clock + 7 hours)'


def utc_of(local: pl.Series, zone: str, origin: str) -> pl.Series:
    """Datetime("us", "UTC")[N] of stamps without a zone (Datetime[N]) read on the wall clock of `zone`.

    `zone` is an IANA name, or NY+7: the wall clock of New York plus so many hours, as most brokers keep it. Raises
    `BadInputError` for an unknown zone and `CandleSchemaError`, naming `origin`, for stamps that a change of the clock skips (the
    zone is wrong) or repeats (nobody can tell which was meant).
    """
    from_new_york = FROM_NEW_YORK.fullmatch(zone)
    name = NEW_YORK if from_new_york else zone
    _check_zone(name)
    ahead = timedelta(hours=int(from_new_york.group(1))) if from_new_york else timedelta()
    wall = local.cast(pl.Datetime("us")) - ahead
    existing = wall.dt.replace_time_zone(name, ambiguous="earliest", non_existent="null")
    _refuse(
        local, existing, f"do not exist on the clock of {zone}, which skips them; name the zone the file was written in", origin
    )
    aware = wall.dt.replace_time_zone(name, ambiguous="null", non_existent="null")
    _refuse(local, aware, f"exist twice on the clock of {zone}, which repeats that hour; remove those rows", origin)
    return aware.dt.convert_time_zone("UTC")


def _check_zone(name: str) -> None:
    if not _is_zone(name):
        raise BadInputError(f"there is no time zone {name!r}; allowed are {ZONES}; write one of them")


def _is_zone(name: str) -> bool:
    try:
        stamps = pl.Series([datetime(2000, 1, 1)]).dt.replace_time_zone(name)  # noqa: DTZ001
    except pl.exceptions.PolarsError:
        return False
    return stamps.dtype == pl.Datetime("us", name)


def _refuse(local: pl.Series, aware: pl.Series, said: str, origin: str) -> None:
    lost = local.filter(aware.is_null() & local.is_not_null())
    if len(lost):
        raise CandleSchemaError(f"{origin}: {len(lost)} of {len(local)} stamps (first: {lost[0]:%Y-%m-%d %H:%M}) {said}")
