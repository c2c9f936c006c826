"""Small pictures for the metadata of assets: what a person would rather look at than read. matplotlib, without a display."""

import base64
import io
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl
    from matplotlib.axes import Axes

    from fxgpt_core.candles.arrays import CandleArrays

MAX_BYTES = 36_000  # a third more as base64: it is stored in every event row
POINTS = 600
SIZE_INCHES = (7.0, 2.8)
BLUE, ORANGE, GREY = "#2563eb", "#ea580c", "#94a3b8"
REGIME_POINTS = 800
REGIME_COLORS = {
    "unknown": GREY,
    "trending_up": "#16a34a",
    "trending_down": "#dc2626",
    "ranging": BLUE,
    "volatile": "#f59e0b",
}
GRADE_COLORS = {"YELLOW": "#eab308", "RED": "#dc2626"}


def picture(title: str, draw: "Callable[[Axes], None]") -> dg.MarkdownMetadataValue:
    """A PNG of at most `MAX_BYTES` as Markdown; drawn again with fewer dots when it is larger."""
    for dots in (90, 65, 45):
        data = _png(title, draw, dots)
        if len(data) <= MAX_BYTES:
            break
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(data).decode()})")


def thinned(n: int, points: int = POINTS) -> slice:
    """Every k-th of n rows, so that about `points` are left."""
    return slice(None, None, max(1, n // points))


def line(title: str, x: Sequence[Any], y: Sequence[float], label: str) -> dg.MarkdownMetadataValue:
    """One line over time or steps."""
    every = thinned(len(y))

    def draw(axes: "Axes") -> None:
        axes.plot(list(x[every]), list(y[every]), color=BLUE, linewidth=1.0)
        axes.set_ylabel(label)

    return picture(title, draw)


def graded_line(title: str, x: "pl.Series", y: "pl.Series", grades: Mapping[str, str]) -> dg.MarkdownMetadataValue:
    """One line over time, and behind it the months ("2020-03") that are YELLOW or RED in their colour."""
    every = thinned(len(y))

    def draw(axes: "Axes") -> None:
        axes.plot(list(x[every]), list(y[every]), color=BLUE, linewidth=1.0)
        axes.set_ylabel("close")
        for grade, color in GRADE_COLORS.items():
            for number, month in enumerate(sorted(month for month, found in grades.items() if found == grade)):
                first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
                label = grade if number == 0 else None
                days = timedelta(days=monthrange(first.year, first.month)[1])
                axes.axvspan(first, first + days, color=color, alpha=0.3, label=label)  # type: ignore[arg-type]
        axes.set_xlim(x[0], x[-1])

    return picture(title, draw)


def regime_line(
    title: str, candles: "CandleArrays", regime: "npt.NDArray[np.int8]", split_us: int | None
) -> dg.MarkdownMetadataValue:
    """Closes over time, each in the colour of its regime (int8[N] codes), and an upright line at a moment, if one is given."""
    import numpy as np
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    from fxgpt_core.regimes.regime import REGIMES, UNKNOWN, regime_name

    every = thinned(len(candles), REGIME_POINTS)
    times, close, codes = candles.known_at_us[every].astype("datetime64[us]"), candles.close[every], regime[every]

    def draw(axes: "Axes") -> None:
        for code in (UNKNOWN, *range(len(REGIMES))):
            of_it = codes == code
            # A line needs a second point: each run goes on to the first of the next.
            drawn = of_it | np.append(False, of_it[:-1])
            if of_it.any():
                name = regime_name(code)
                axes.plot(times, np.where(drawn, close, np.nan), color=REGIME_COLORS[name], label=name, linewidth=1.0)
        if split_us is not None:
            axes.axvline(np.int64(split_us).astype("datetime64[us]"), color=GREY, linewidth=0.8)
        locator = AutoDateLocator(maxticks=8)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        axes.set_ylabel("close")

    return picture(title, draw)


def bars(title: str, names: Sequence[str], values: Sequence[float], label: str) -> dg.MarkdownMetadataValue:
    """Horizontal bars, first name on top."""

    def draw(axes: "Axes") -> None:
        axes.barh(list(names)[::-1], list(values)[::-1], color=BLUE)
        axes.set_xlabel(label)

    return picture(title, draw)


def _png(title: str, draw: "Callable[[Axes], None]", dots: int) -> bytes:
    from matplotlib.figure import Figure  # half a second of import, needed when an asset has been made only

    figure = Figure(figsize=SIZE_INCHES, dpi=dots, layout="constrained")
    axes = figure.subplots()
    draw(axes)
    axes.set_title(title, fontsize=10, loc="left")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
