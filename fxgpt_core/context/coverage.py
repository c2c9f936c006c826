"""How much of joined context there is, in plain values: stored beside the rows, and told again without reading them."""

from typing import Any

import polars as pl

KEYS = ("open_time", "known_at")


def coverage(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Of every column of context: the share of rows with a value, and when the first and last of them were known (ISO text)."""
    rows = []
    for name in (column for column in frame.columns if column not in KEYS):
        known = frame.filter(pl.col(name).is_not_null())["known_at"]
        first, last = (known[0].isoformat(), known[-1].isoformat()) if len(known) else (None, None)
        rows.append({"column": name, "coverage": len(known) / len(frame), "first": first, "last": last})
    return rows
