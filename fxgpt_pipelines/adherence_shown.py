"""What a person sees of adherence on the page of the asset: tables by trade and period, and pictures."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_pipelines.pictures import BLUE, GREY, ORANGE, picture
from fxgpt_pipelines.recording import SHOWN_ROWS, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from fxgpt_core.live.adherence import OrderAdherence
    from fxgpt_core.live.adherence_periods import PeriodAdherence
    from fxgpt_pipelines.adhering import Adhered

TRADE_COLUMNS = (
    *("client_order_id", "state", "side", "intended_units", "filled_units", "signal_price", "fill_price", "slippage_pips"),
    *("slippage_fraction", "exit_reason", "level_slippage_pips", "false_trigger", "expected_cost", "actual_cost"),
    *("expected_profit", "actual_profit", "reason"),
)
COST_COLUMNS = ("commission", "spread", "slippage", "impact", "swap")
MICRO = 1_000_000


def metadata(found: "Adhered") -> dict[str, Any]:
    """Tables of days, weeks, months and the newest trades, and pictures of what was filled and closed; none of nothing."""
    shown: dict[str, Any] = {
        "beyond_thresholds": table([{"what": breach.message, "remedy": breach.remedy} for breach in found.breaches]),
        **{f"by_{name}": table([period.to_json() for period in periods][::-1]) for name, periods in found.periods.items()},
        "trades": table([_row(order) for order in found.orders[::-1][:SHOWN_ROWS]]),
        "denied_by_guard": table([{"guard": name, "denied": n} for name, n in found.denials.items()]),
    }
    filled = [order for order in found.orders if order.fill_price is not None]
    closed = [order for order in filled if order.exit_price is not None]
    if filled:
        shown["slippage"] = _slippage(filled)
    if closed:
        shown |= {"profit": _profit(closed), "costs": _costs(found.periods["day"])}
    return shown


def _row(order: "OrderAdherence") -> dict[str, Any]:
    values = order.to_json()
    parts = {f"{name}_cost" if name in ("spread", "slippage") else name: values[f"actual_{name}"] for name in COST_COLUMNS}
    return {"decided_at": _time(order).isoformat(), **{name: values[name] for name in TRADE_COLUMNS}, **parts}


def _time(order: "OrderAdherence") -> datetime:
    return datetime.fromtimestamp(order.decided_at_us / MICRO, UTC)


def _slippage(filled: "Sequence[OrderAdherence]") -> dg.MarkdownMetadataValue:
    """Each entry in pips, above 0 worse, over time."""

    def draw(axes: "Axes") -> None:
        for side, name, color in ((1, "long", BLUE), (-1, "short", ORANGE)):
            of_side = [order for order in filled if order.side == side]
            times = [_time(order) for order in of_side]
            axes.plot(times, [order.slippage_pips for order in of_side], "o", markersize=3, color=color, label=name)  # type: ignore[arg-type]
        axes.axhline(0.0, color=GREY, linewidth=0.8)
        axes.set_ylabel("pips worse than the signal")

    return picture("slippage of entries", draw)


def _profit(closed: "Sequence[OrderAdherence]") -> dg.MarkdownMetadataValue:
    """The profit of closed trades, summed up, as expected and as it came."""
    from itertools import accumulate

    def draw(axes: "Axes") -> None:
        numbers = range(1, len(closed) + 1)
        for name, values, color in (
            ("expected", [order.expected_profit or 0.0 for order in closed], GREY),
            ("actual", [order.actual_profit or 0.0 for order in closed], BLUE),
        ):
            axes.plot(numbers, list(accumulate(values)), color=color, linewidth=1.0, label=name)
        axes.set_xlabel("closed trades")
        axes.set_ylabel("profit, account currency")

    return picture("profit expected and actual", draw)


def _costs(days: "Sequence[PeriodAdherence]") -> dg.MarkdownMetadataValue:
    """What the closed trades of each day cost, as expected and as it came."""
    shown = [day for day in days if day.closed][-31:]

    def draw(axes: "Axes") -> None:
        places = range(len(shown))
        expected, actual = ([getattr(day, name).total for day in shown] for name in ("expected_costs", "actual_costs"))
        axes.bar([place - 0.2 for place in places], expected, 0.4, color=GREY, label="expected")
        axes.bar([place + 0.2 for place in places], actual, 0.4, color=BLUE, label="actual")
        axes.set_xticks(list(places), [day.period[5:] for day in shown], rotation=60)
        axes.set_ylabel("costs, account currency")

    return picture("costs expected and actual, by day", draw)
