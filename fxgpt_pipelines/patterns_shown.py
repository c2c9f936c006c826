"""What a person sees of patterns on the page of the asset: counts, the event study, and the last of them drawn into the price."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_pipelines.pictures import BLUE, GREY, ORANGE, picture
from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes

    from fxgpt_core.patterns.signals import PatternSignals
    from fxgpt_core.registry.artifact import Artifact

TOLD = ("signals", "event_study_verdict", "last_candles", "kinds", "event_study")
CANDLES = 200
NAME_APART = 10
LEVEL = 0.05
COLORS = {1: BLUE, -1: ORANGE}
SHORT_NAMES = {"inverse_head_and_shoulders": "inverse H&S", "head_and_shoulders": "H&S"}


def summary(events: "pl.DataFrame", study: "pl.DataFrame", signals: "PatternSignals") -> dict[str, Any]:
    """What is stored with the events: how many there are of each kind, how many candles signal, and the event study."""
    import polars as pl

    from fxgpt_core.patterns.names import FATES

    fates = [(pl.col("fate") == fate).sum().alias(fate.replace(" ", "_")) for fate in FATES]
    kinds = events.group_by("kind").agg(pl.len().alias("patterns"), *fates, pl.col("confidence").mean()).sort("kind")
    return {
        "kinds": kinds.to_dicts(),
        "candles": len(signals),
        "long": int((signals.side > 0).sum()),
        "short": int((signals.side < 0).sum()),
        "study": study.to_dicts(),
    }


def metadata(artifact: "Artifact", candles: "pl.DataFrame") -> dict[str, Any]:
    """Tables and the picture; the study's rows by how probable they are by chance, the least first."""
    stored = artifact.summary
    share = (stored["long"] + stored["short"]) / stored["candles"]
    return {
        "signals": f"{share:.1%} of {stored['candles']} candles: {stored['long']} long, {stored['short']} short",
        "event_study_verdict": f"{verdict(stored['study'])}; train span {stored['studied']}",
        "last_candles": _drawn(artifact.frame(), candles),
        "kinds": table(stored["kinds"]),
        "event_study": table(sorted(stored["study"], key=lambda row: row["p_value"])),
    }


def verdict(study: list[dict[str, Any]]) -> str:
    """In a line: how many kinds and horizons are better than random entries, before and after correction for their number."""
    if not study:
        return "no kind has enough patterns to be judged"
    alone, holm, shares = (sum(row[name] < LEVEL for row in study) for name in ("p_value", "p_holm", "p_bh"))
    return (
        f"of {len(study)} kinds and horizons {alone} beat random entries at {LEVEL:.0%} each ({LEVEL * len(study):.1f} would by "
        f"chance), {holm} after Holm's correction, {shares} after Benjamini and Hochberg's"
    )


def _drawn(events: "pl.DataFrame", candles: "pl.DataFrame") -> dg.MarkdownMetadataValue:
    """The last candles with their chart shapes as lines, the level dashed, and candlesticks as marks; long blue, short orange."""
    import polars as pl

    from fxgpt_core.patterns.names import CHART_SHAPES
    from fxgpt_core.patterns.parameters import PatternParameters

    begin = max(0, len(candles) - CANDLES)
    last = candles.slice(begin)
    believed = pl.col("confidence") >= PatternParameters().confidence_threshold
    seen = events.filter(pl.col("first_row") >= begin)
    shapes = seen.filter(pl.col("kind").is_in(CHART_SHAPES), pl.col("confirmed_row").is_not_null()).to_dicts()
    marks = seen.filter(~pl.col("kind").is_in(CHART_SHAPES), believed).to_dicts()

    def draw(axes: "Axes") -> None:
        rows = list(range(begin, len(candles)))
        axes.vlines(rows, last["low"].to_list(), last["high"].to_list(), color=GREY, linewidth=0.7)
        axes.plot(rows, last["close"].to_list(), color="black", linewidth=0.6)
        for mark in marks:
            row = mark["completed_row"]
            price = candles["low"][row] if mark["side"] > 0 else candles["high"][row]
            axes.plot([row], [price], marker="^" if mark["side"] > 0 else "v", color=COLORS[mark["side"]], markersize=3)
        named: dict[str, int] = {}
        for shape in sorted(shapes, key=lambda shape: shape["confirmed_row"]):
            _draw_shape(axes, shape)
            # Of the same shape seen twice within a few candles one name can be read.
            if shape["confirmed_row"] - named.get(shape["kind"], -CANDLES) > NAME_APART:
                named[shape["kind"]] = shape["confirmed_row"]
                _name(axes, shape)
        axes.set_xlabel(f"candles, to {candles['open_time'][-1]:%Y-%m-%d %H:%M}; long blue, short orange", fontsize=8)

    return picture(f"chart shapes and candlesticks of the last {len(last)} candles", draw)


def _draw_shape(axes: "Axes", shape: dict[str, Any]) -> None:
    """A line through the points, and the level dashed from the first point to the candle that confirmed it."""
    color, end = COLORS[shape["side"]], shape["confirmed_row"]
    axes.plot(shape["point_rows"], shape["point_prices"], color=color, linewidth=1.1)
    axes.plot([shape["first_row"], end], [shape["level"]] * 2, color=color, linewidth=0.9, linestyle="dashed")


def _name(axes: "Axes", shape: dict[str, Any]) -> None:
    name = SHORT_NAMES.get(shape["kind"], shape["kind"].replace("_", " "))
    place = (shape["confirmed_row"], shape["level"])
    axes.annotate(name, place, fontsize=7, color=COLORS[shape["side"]], xytext=(2, 3), textcoords="offset points")
