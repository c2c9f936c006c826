"""Commitments of Traders of the CFTC (legacy and traders in financial futures): net positions as a share of open interest.

A report tells the positions of a Tuesday and is published on Friday; `cot_release` says when exactly. Files: those of the CFTC
("Historical Compressed", "Public Reporting Environment"), of which the rows of other markets than the currencies below are left
out, or tables with currency, as_of, open_interest and noncomm_long, noncomm_short, … (legacy) or lev_long, … (financial futures).
"""

from datetime import timedelta
from pathlib import Path

import polars as pl

from fxgpt_core.candles.stamps import utc_stamps
from fxgpt_core.context.cot_release import released_at
from fxgpt_core.context.series import ContextSeries, checked_series
from fxgpt_core.context.table import column, dates, numbers, optional_column, read_table, texts
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.symbols import Symbol

LEGACY, FINANCIAL = "cot_legacy", "cot_tff"
CODES = {
    "099741": "EUR", "096742": "GBP", "097741": "JPY", "092741": "CHF", "090741": "CAD", "232741": "AUD", "112741": "NZD",
    "088691": "XAU",
}  # fmt: skip
CODE_NAMES = ("cftc_contract_market_code", "cftc_code")
# As in the CFTC's files since 2006, in its older ones, and in short.
AS_OF_NAMES = ("report_date_as_yyyy_mm_dd", "as_of_date_in_form_yyyy_mm_dd", "as_of", "date")
OPEN_INTEREST_NAMES = ("open_interest_all", "open_interest")
PUBLISHED_NAME = "published_at"
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    LEGACY: {
        "noncommercial_net": ("noncomm_positions_{}_all", "noncommercial_positions_{}_all", "noncomm_{}"),
        "commercial_net": ("comm_positions_{}_all", "commercial_positions_{}_all", "comm_{}"),
    },
    FINANCIAL: {
        "leveraged_net": ("lev_money_positions_{}_all", "lev_money_positions_{}", "lev_money_{}", "lev_{}"),
        "asset_manager_net": ("asset_mgr_positions_{}_all", "asset_mgr_positions_{}", "asset_mgr_{}"),
        "dealer_net": ("dealer_positions_{}_all", "dealer_positions_{}", "dealer_{}"),
    },
}
"""By kind: value, and the names its columns may have, with long or short in the place of {}. The first value is required."""
# A week, the three days it takes, and a holiday.
STALE_AFTER = timedelta(days=11)
# Trading of a Tuesday ends at 17:00 New York, 21:00 UTC in summer.
ENDS_AFTER = timedelta(hours=21)


def read_cot(path: Path, kind: str) -> ContextSeries:
    """The reports of a file, subject is the currency: the `GROUPS` of the kind, (long − short) / open interest, in [−1, 1].

    A column `published_at` (UTC stamps) goes before the rule of publication. Raises `BadInputError` for what cannot be used.
    """
    table = _of_known_markets(read_table(path), path)
    as_of = dates(column(table, AS_OF_NAMES, path), path)
    given = optional_column(table, (PUBLISHED_NAME,))
    known = [released_at(day) for day in as_of] if given is None else utc_stamps(given, str(path))
    open_interest = numbers(column(table, OPEN_INTEREST_NAMES, path), path)
    values = {name: _net(table, names, path) / open_interest for name, names in _groups(table, kind).items()}
    frame = pl.DataFrame({"refers_to": as_of, "subject": table["subject"], **values}).with_columns(
        known_at=pl.Series(known, dtype=pl.Datetime("us", "UTC"))
    )
    _check_shares(frame, open_interest, path)
    return checked_series(kind, frame, STALE_AFTER, ENDS_AFTER)


def cot_of_symbol(series: ContextSeries, symbol: Symbol) -> ContextSeries:
    """The net positions in a symbol: those in its base less those in its quote currency; the dollar has none of its own.

    EURUSD has EUR, USDJPY −JPY, EURJPY EUR − JPY, known when both are. A currency without reports leaves no row.
    """
    sides = [(symbol.base, 1.0), (symbol.quote, -1.0)]
    parts = [(series.of(currency).frame, sign) for currency, sign in sides if currency != "USD"]
    keys = ["known_at", "refers_to"]
    moments = pl.concat([part.select(keys) for part, _ in parts]).unique().sort(keys)
    total = moments.with_columns(pl.lit(symbol.name).alias("subject"), *(pl.lit(0.0).alias(value) for value in series.values))
    for part, sign in parts:
        # Both are sorted by known_at, which polars cannot check within groups.
        side = part.select(*keys, *(pl.col(value).alias(f"{value}_side") for value in series.values), present=True)
        total = total.join_asof(side, on="known_at", by="refers_to", check_sortedness=False)
        total = total.filter("present").with_columns(pl.col(value) + sign * pl.col(f"{value}_side") for value in series.values)
        total = total.select(*keys, "subject", *series.values)
    return ContextSeries(series.name, total, series.stale_after)


def _of_known_markets(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The rows of the currencies with reports, and these as the column subject."""
    currency = optional_column(table, ("currency",))
    if currency is not None:
        named = table.with_columns(texts(currency, path).str.to_uppercase().alias("subject"))
    else:
        codes = texts(column(table, ("currency", *CODE_NAMES), path), path).str.zfill(6)
        named = table.with_columns(codes.replace_strict(CODES, default=None, return_dtype=pl.String).alias("subject"))
    known = named.filter(pl.col("subject").is_in(list(CODES.values())))
    if known.is_empty():
        raise BadInputError(
            f"{path} has no report on {', '.join(CODES.values())}; a column currency with these names, or one of the CFTC's "
            f"codes ({', '.join(CODES)}), is needed; add it"
        )
    return known


def _groups(table: pl.DataFrame, kind: str) -> dict[str, tuple[str, ...]]:
    """The required group of a kind, and those others of which the table has columns."""
    groups = GROUPS[kind]
    required = next(iter(groups))
    there = {name for name, names in groups.items() if {form.format("long") for form in names} & set(table.columns)}
    return {name: names for name, names in groups.items() if name == required or name in there}


def _net(table: pl.DataFrame, names: tuple[str, ...], path: Path) -> pl.Series:
    long, short = (numbers(column(table, [form.format(side) for form in names], path), path) for side in ("long", "short"))
    return long - short


def _check_shares(frame: pl.DataFrame, open_interest: pl.Series, path: Path) -> None:
    shares = [name for name in frame.columns if name.endswith("_net")]
    sound = pl.all_horizontal(pl.col(*shares).is_between(-1.0, 1.0).fill_null(False)) & (open_interest > 0).fill_null(False)
    broken = frame.filter(~sound)
    if len(broken):
        raise BadInputError(
            f"{path}: {len(broken)} of {len(frame)} reports have positions that are missing or exceed the open interest (first: "
            f"{broken['subject'][0]} of {broken['refers_to'][0]}); check the columns, or remove those rows"
        )
