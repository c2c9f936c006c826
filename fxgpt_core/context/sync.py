"""Downloading daily closes: only what is missing, every change of history noticed, the version before kept.

A history is one request or two, so none of it is kept apart while it comes. The closes of the last `OVERLAP` are asked for again
each time; where one of them changed, all are: a split divides every close before it.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from fxgpt_core.context.daily_index import KNOWN_AFTER, closes_series
from fxgpt_core.context.series import context_sha256
from fxgpt_core.context.source import CLOSES, ContextSource, no_closes
from fxgpt_core.context.store import ContextStore, StoredContext
from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.market.sessions import NEW_YORK

# Ten days have a trading day even around a closure of a week.
OVERLAP = timedelta(days=10)
# Services are a quarter of an hour late, and a day's last trades are corrected.
SETTLED_AFTER = KNOWN_AFTER + timedelta(minutes=30)

Days = tuple[date, date]


@dataclass(frozen=True)
class ContextSyncParameters:
    """What is wanted: closes of `kind` from `since` (None: from where the stored ones begin) that are settled at `now` (aware).

    `revise` asks for the whole of it again, not only for what is missing.
    """

    kind: str
    now: datetime
    since: date | None = None
    revise: bool = False


@dataclass(frozen=True)
class ContextSyncResult:
    """`stored` is the latest version now, `earlier` the one before (None: there was none), the same where nothing changed.

    `asked` are the spans of trade dates, both ends included, that the source was asked for; `added` closes are new; of the dates
    `revised` the source now says something else than was stored; those `withdrawn` it has no more: `earlier` alone has them. An
    `earlier` of another source is not continued: the new version is the download alone.
    """

    stored: StoredContext
    earlier: StoredContext | None
    asked: tuple[Days, ...]
    added: int
    revised: tuple[date, ...]
    withdrawn: tuple[date, ...]


def sync(source: ContextSource, store: ContextStore, wanted: ContextSyncParameters) -> ContextSyncResult:
    """Bring stored closes up to the last day that is settled, and back to `wanted.since`.

    Raises what `ContextSource.closes`, `ContextStore.read` and `closes_series` raise, `MissingError` where the source has none,
    `BadInputError` for a `since` that cannot be. Nothing is stored then.
    """
    earlier = store.latest(wanted.kind) if wanted.kind in store.kinds() else None
    own = earlier if earlier and earlier.source == source.name else None
    held = store.read(own).frame.select(*CLOSES) if own else no_closes()
    last = last_settled(wanted.now)
    asked = [(_first(wanted, held["refers_to"], last), last)]
    changes = _Changes(held, _fetched(source, wanted.kind, *asked[0]), asked[0][0])
    if changes.revised() and changes.first > held["refers_to"][0]:
        asked.append((held["refers_to"][0], last))
        changes = _Changes(held, _fetched(source, wanted.kind, *asked[1]), asked[1][0])
    series = closes_series(wanted.kind, changes.merged(), source.name)
    unchanged = own is not None and context_sha256(series.frame) == own.sha256
    stored = own if own and unchanged else store.put(series, source.name)
    return ContextSyncResult(stored, earlier, tuple(asked), changes.added(), changes.revised(), changes.withdrawn())


def last_settled(now: datetime) -> date:
    """The last date, of any weekday, whose close is settled at `now` (aware): half an hour after it is known."""
    # On New York's wall clock, which changes in the night of a Sunday.
    return (now.astimezone(ZoneInfo(NEW_YORK)) - SETTLED_AFTER).date()


def _first(wanted: ContextSyncParameters, held: pl.Series, last: date) -> date:
    """The first date to ask for: `since` where nothing is stored from there on, else shortly before the stored ones end."""
    if not held.is_empty() and (wanted.since is None or wanted.since >= held[0]):
        first: date = held[0] if wanted.revise else max(held[0], held[-1] - OVERLAP)
    elif wanted.since is not None:
        first = wanted.since
    else:
        raise BadInputError(
            f"the latest {wanted.kind} was not downloaded from there; since when it is wanted must be said the first time; "
            "add `--since 2016-01-01`, or another day"
        )
    if first > last:
        raise BadInputError(
            f"closes of {wanted.kind} from {first} on are to be asked for, and the last that can be settled is of {last}; an "
            "earlier day is needed; correct it, or this machine's clock"
        )
    return first


def _fetched(source: ContextSource, kind: str, first: date, last: date) -> pl.DataFrame:
    fresh = source.closes(kind, first, last)
    if fresh.is_empty():
        raise MissingError(
            f"{source.name} has no closes of {kind} from {first} to {last}; nothing was stored; check since when it has them"
        )
    # Checked before it is compared: a day that came twice would be joined twice.
    return closes_series(kind, fresh, source.name).frame.select(*CLOSES)


@dataclass(frozen=True, eq=False)
class _Changes:
    """Stored closes beside those that came for every trade date from `first` on."""

    held: pl.DataFrame
    fresh: pl.DataFrame
    first: date

    def merged(self) -> pl.DataFrame:
        """The closes that came, and the stored ones before them: beside those of now, older ones might be of another split."""
        return pl.concat([self.held.filter(pl.col("refers_to") < self.first), self.fresh])

    def added(self) -> int:
        """How many came of dates of which none was stored."""
        return len(self.fresh.join(self.held, on="refers_to", how="anti"))

    def revised(self) -> tuple[date, ...]:
        """Where both have a close, and not the same."""
        both = self.held.join(self.fresh, on="refers_to", suffix="_fresh")
        return tuple(both.filter(pl.col("close") != pl.col("close_fresh"))["refers_to"].sort())

    def withdrawn(self) -> tuple[date, ...]:
        """Where a close was stored and none came, though it was asked for."""
        asked = self.held.filter(pl.col("refers_to") >= self.first)
        return tuple(asked.join(self.fresh, on="refers_to", how="anti")["refers_to"].sort())
