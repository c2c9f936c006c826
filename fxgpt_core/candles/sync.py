"""Downloading a series: only what is missing, continued where it was cut off, every change of history noticed and kept.

Each page is on disk as soon as it came. When a span is complete, its pages and the stored series become one new version; the
version before stays. The last `OVERLAP` stored candles are asked for again each time, to see whether the source changed them.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from fxgpt_core.candles.pages import KeptPages, Span, alone, pages_and_gaps
from fxgpt_core.candles.plausibility import check_plausible
from fxgpt_core.candles.schema import COLUMNS, SPREAD, check_candles, on_grid
from fxgpt_core.candles.source import CandleSource, Page, no_candles
from fxgpt_core.candles.store import CandleStore, StoredCandles
from fxgpt_core.errors import BadInputError, CandleSchemaError, MissingError, SourceAnswerError
from fxgpt_core.market import symbols
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe

OVERLAP = 48
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_SPREAD = pl.lit(None, pl.Float64).alias(SPREAD)


@dataclass(frozen=True)
class SyncParameters:
    """What is wanted: candles from `since` (aware; None: from where the stored series begins) that are closed at `now` (aware).

    `revise` asks for the whole of it again, not only for what is missing.
    """

    symbol: str
    timeframe: Timeframe
    now: datetime
    since: datetime | None = None
    revise: bool = False


@dataclass(frozen=True)
class Progress:
    """How much of the span is there, and the seconds the rest will take at the pace so far (None before the first page)."""

    done: timedelta
    total: timedelta
    seconds_left: float | None


@dataclass(frozen=True)
class Stamps:
    """How many candles, and the first and last of their open times (None where there are none)."""

    count: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True)
class SyncResult:
    """`stored` is the latest version now, `earlier` the one before (None: there was none), the same where nothing changed.

    `asked` are the spans that the source was asked for in this call; `added` candles are new; at the `revised` stamps the source
    now says something else than was stored; it has the `withdrawn` candles no more, and they stay as they were stored.
    """

    stored: StoredCandles
    earlier: StoredCandles | None
    asked: tuple[Span, ...]
    added: int
    revised: Stamps
    withdrawn: Stamps


def sync(
    source: CandleSource,
    store: CandleStore,
    wanted: SyncParameters,
    progress: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> SyncResult:
    """Bring a stored series up to `wanted.now`, and back to `wanted.since`.

    Raises what `CandleSource.pages` and `CandleStore.read` raise, `CandleSchemaError` naming the page for candles that are not
    sound, `MissingError` where the source has none, `BadInputError` for a `since` that cannot be, `NotReadyError` where it cannot
    write or another process is at it. Nothing is stored then, and the sound pages that came are kept for the next call.
    """
    symbol, timeframe = symbols.symbol(wanted.symbol).name, wanted.timeframe
    folder = store.root / symbol / timeframe.value
    with alone(folder):
        earlier = store.latest(symbol, timeframe) if (symbol, timeframe) in store.series() else None
        held = no_candles() if earlier is None else store.read(earlier)
        kept = KeptPages(folder, f"{source.name} {symbol} {timeframe}", earlier.sha256 if earlier else "")
        reached = None if earlier is None else min(earlier.first, kept.since() or earlier.first)
        spans = _spans(wanted, held["open_time"], reached)
        parts, gaps = pages_and_gaps(kept.pages(reached), spans)
        for page in _told(_fetched(source, symbol, timeframe, gaps), _Course(spans, gaps, progress, clock)):
            certain = page.stop if page.stop < spans[-1][1] else _end(page, timeframe)
            if certain > page.start:
                kept.keep(Page(page.start, certain, page.frame))
            parts.append(page)
        frames = [no_candles(), *(page.frame for page in sorted(parts, key=lambda part: part.start))]
        fresh = pl.concat(frames, how="diagonal")
        changes = _Changes(held, fresh, spans)
        try:
            merged = _merged(changes, source.name, wanted)
        except (MissingError, CandleSchemaError):
            # Kept, they would be the same answer to the next call.
            kept.remove(spans)
            raise
        unchanged = earlier is not None and merged.equals(held)
        stored = earlier if earlier and unchanged else store.put(merged, symbol, timeframe, source.name)
        kept.note_since(spans[0][0] if reached is None else min(reached, spans[0][0]))
        kept.remove(spans)
    return SyncResult(stored, earlier, tuple(gaps), changes.added(), changes.revised(), changes.withdrawn())


def closed_until(now: datetime, timeframe: Timeframe) -> datetime:
    """The latest moment on the timeframe's grid, UTC, that is not after `now` (aware): what opened before it is closed."""
    step_us = min(timeframe.us, HOUR_US)
    latest_us = (now - EPOCH) // timedelta(microseconds=1) // step_us * step_us
    # A day and an hour back: New York's clock may have changed on the way.
    steps = latest_us - np.arange((DAY_US + HOUR_US) // step_us + 1, dtype=np.int64) * step_us
    return EPOCH + timedelta(microseconds=int(steps[on_grid(steps, timeframe).to_numpy()][0]))


def _spans(wanted: SyncParameters, stored: pl.Series, reached: datetime | None) -> list[Span]:
    """What to ask for, ascending: all (`reached` None: nothing is stored), or the front before `reached` and the tail."""
    stop, since = closed_until(wanted.now, wanted.timeframe), wanted.since
    if since is not None and since >= stop:
        raise BadInputError(
            f"since is {since:%Y-%m-%d %H:%M} UTC, and the last {wanted.timeframe} candle closed at {stop:%Y-%m-%d %H:%M}; "
            "an earlier moment is needed; correct it, or this machine's clock"
        )
    if reached is None:
        if since is None:
            raise BadInputError(
                f"no {wanted.timeframe} candles of {wanted.symbol} are stored from there yet; since when they are wanted must be "
                "said the first time; add `--since 2020-01-01`, or another day"
            )
        return [(since, stop)]
    overlap = stored.tail(OVERLAP)[0]
    if overlap >= stop:
        raise BadInputError(
            f"the stored candles reach to {stored[-1]:%Y-%m-%d %H:%M}, and now is {wanted.now:%Y-%m-%d %H:%M} UTC; "
            "this machine's clock is behind; correct it"
        )
    if wanted.revise:
        return [(since or stored[0], stop)]
    front = [(since, reached)] if since is not None and since < reached else []
    return [*front, (overlap, stop)]


def _fetched(source: CandleSource, symbol: str, timeframe: Timeframe, gaps: Sequence[Span]) -> Iterator[Page]:
    """The pages of the gaps as they come, each sound and adjacent to the one before."""
    for start, stop in gaps:
        at = start
        for page in source.pages(symbol, timeframe, start, stop):
            inside = page.frame["open_time"].is_between(page.start, page.stop, closed="left")
            if page.start != at or not at < page.stop <= stop or not inside.all(ignore_nulls=False):
                raise SourceAnswerError(
                    f"{source.name} gave a page of {page.start} to {page.stop}, where one from {at} on, to {stop} at most, with "
                    "candles inside it alone, is needed; nothing was stored; tell the maintainers"
                )
            yield _sound(page, source.name, timeframe)
            at = page.stop
        if at < stop:
            raise SourceAnswerError(f"{source.name} ended at {at}, before {stop}; nothing was stored; tell the maintainers")


def _end(page: Page, timeframe: Timeframe) -> datetime:
    """Where the candles of a page end: after them more may still come, which a kept page must not hide from a later call."""
    return page.start if page.frame.is_empty() else page.frame["open_time"][-1] + timeframe.duration


def _sound(page: Page, name: str, timeframe: Timeframe) -> Page:
    if page.frame.is_empty():
        return Page(page.start, page.stop, no_candles())
    try:
        return Page(page.start, page.stop, check_candles(page.frame, timeframe))
    except CandleSchemaError as error:
        raise CandleSchemaError(
            f"{name}, page {page.start:%Y-%m-%d %H:%M} to {page.stop:%Y-%m-%d %H:%M} UTC: {error}; nothing was stored, and the "
            "pages before it are kept; run the same command again when the source has corrected it, or sync a span without it"
        ) from error


@dataclass(frozen=True)
class _Course:
    """A download of `gaps` within `spans`, and whom to tell how far it is."""

    spans: Sequence[Span]
    gaps: Sequence[Span]
    progress: Callable[[Progress], None]
    clock: Callable[[], float]


def _told(pages: Iterator[Page], course: _Course) -> Iterator[Page]:
    """The pages, telling after each was taken how much is there; once at the start."""
    total, missing = _length(course.spans), _length(course.gaps)
    begun, fetched = course.clock(), timedelta(0)
    course.progress(Progress(total - missing, total, None))
    for page in pages:
        yield page
        fetched += page.stop - page.start
        seconds_left = (course.clock() - begun) * ((missing - fetched) / fetched)
        course.progress(Progress(total - missing + fetched, total, seconds_left))


def _length(spans: Sequence[Span]) -> timedelta:
    return sum((stop - start for start, stop in spans), timedelta(0))


@dataclass(frozen=True, eq=False)
class _Changes:
    """Stored candles beside those that came for `spans`."""

    held: pl.DataFrame
    fresh: pl.DataFrame
    spans: Sequence[Span]

    def series(self) -> pl.DataFrame:
        """The candles that came, and the stored ones at other stamps."""
        others = self.held.join(self.fresh, on="open_time", how="anti")
        return pl.concat([others, self.fresh], how="diagonal").sort("open_time")

    def added(self) -> int:
        """How many came at stamps where none was stored."""
        return len(self.fresh.join(self.held, on="open_time", how="anti"))

    def revised(self) -> Stamps:
        """Where both have a candle, and not the same; a spread that was not there before is another candle."""
        held, fresh = (frame if SPREAD in frame.columns else frame.with_columns(NO_SPREAD) for frame in (self.held, self.fresh))
        differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_fresh")) for name in (*COLUMNS[1:], SPREAD))
        return _stamps(held.join(fresh, on="open_time", suffix="_fresh").filter(differs))

    def withdrawn(self) -> Stamps:
        """Where a candle was stored and none came, though it was asked for."""
        asked = pl.any_horizontal(pl.col("open_time").is_between(*span, closed="left") for span in self.spans)
        return _stamps(self.held.filter(asked).join(self.fresh, on="open_time", how="anti"))


def _merged(changes: _Changes, name: str, wanted: SyncParameters) -> pl.DataFrame:
    if changes.fresh.is_empty():
        start, stop = changes.spans[0][0], changes.spans[-1][1]
        raise MissingError(
            f"{name} has no {wanted.timeframe} candles of {wanted.symbol} from {start:%Y-%m-%d %H:%M} to {stop:%Y-%m-%d %H:%M} "
            "UTC; nothing was stored; check the symbol, and since when it has them"
        )
    series = changes.series()
    check_plausible(series, wanted.timeframe, wanted.now, name)
    return series


def _stamps(frame: pl.DataFrame) -> Stamps:
    first, last = frame.select(first=pl.col("open_time").min(), last=pl.col("open_time").max()).row(0)
    return Stamps(len(frame), first, last)
