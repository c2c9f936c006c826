"""The thresholds of adherence, what is beyond them of late, and the alerts about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select

from fxgpt_core.live.adherence import OrderAdherence
from fxgpt_core.live.adherence_periods import PeriodAdherence, together
from fxgpt_core.live.state_of_trading import alert, resolve_alerts
from fxgpt_core.market.timeframes import DAY_US
from fxgpt_core.registry.gateway_tables import equity_marks
from fxgpt_core.registry.ledger import Ledger

KINDS: Final = ("slippage", "rejections", "costs", "limits")
_ROUNDING = 1e-9


@dataclass(frozen=True)
class AdherenceLimits:
    """`slippage` of one entry as a fraction of the signal price, `rejection_rate` of orders sent, actual over expected costs
    (`cost_ratio`), each over the `window_days` before the newest decision.
    """

    slippage: float = 0.001
    rejection_rate: float = 0.05
    cost_ratio: float = 1.0
    window_days: int = 30


@dataclass(frozen=True)
class Breach:
    """One threshold that was passed: which of `KINDS`, the number found, the number allowed, and what to do."""

    kind: str
    found: float
    allowed: float
    message: str
    remedy: str


@dataclass(frozen=True)
class DailyLoss:
    """The most an account lost of a day's first equity, as a fraction, and what the deployment allows."""

    account: str
    fx_day: int
    lost: float
    allowed: float


def breaches(
    orders: Sequence[OrderAdherence], losses: Sequence[DailyLoss], limits: AdherenceLimits = AdherenceLimits()
) -> list[Breach]:
    """Every threshold that the orders of the window passed, and every limit of risk that was not kept."""
    if not orders:
        return []
    begin_us = max(order.decided_at_us for order in orders) - limits.window_days * DAY_US
    late = [order for order in orders if order.decided_at_us > begin_us]
    found = [_slippage(late, limits), *_of_all(together(late, "window"), limits)]
    found += [_too_large(order) for order in late if order.filled_units > order.intended_units]
    found += [_lost(loss) for loss in losses if loss.lost > loss.allowed and loss.fx_day * DAY_US > begin_us]
    return [breach for breach in found if breach is not None]


def daily_losses(ledger: Ledger, account: str, allowed: float) -> list[DailyLoss]:
    """What an account lost on each FX day at its lowest, beside what a deployment allows (0: without limit)."""
    if not allowed > 0.0:
        return []
    asked = select(equity_marks).where(equity_marks.c.account == account).order_by(equity_marks.c.fx_day)
    with ledger.reading() as connection:
        rows = connection.execute(asked).all()
    return [
        DailyLoss(account, row.fx_day, 1.0 - row.lowest / row.day_start_equity, allowed)
        for row in rows
        if row.day_start_equity > 0.0
    ]


def tell(ledger: Ledger, symbol: str, timeframe: str, found: Sequence[Breach]) -> None:
    """Raise an alert for each kind of breach of a series, and resolve those of the kinds that are kept again."""
    with ledger.begin() as connection:
        for kind in KINDS:
            key = f"adherence:{symbol}:{timeframe}:{kind}"
            of_kind = [breach for breach in found if breach.kind == kind]
            if not of_kind:
                resolve_alerts(connection, ledger, key)
                continue
            message = f"{symbol} {timeframe}: " + "; ".join(breach.message for breach in of_kind[:SHOWN])
            message += f"; and {len(of_kind) - SHOWN} more" if len(of_kind) > SHOWN else ""
            alert(connection, ledger, f"adherence_{kind}", key, message, of_kind[0].remedy)


SHOWN: Final = 3


def _slippage(orders: Sequence[OrderAdherence], limits: AdherenceLimits) -> Breach | None:
    beyond = [order for order in orders if order.slippage_fraction is not None and order.slippage_fraction > limits.slippage]
    if not beyond:
        return None
    worst = max(beyond, key=lambda order: order.slippage_fraction or 0.0)
    found = worst.slippage_fraction or 0.0
    return Breach(
        "slippage", found, limits.slippage,
        f"{len(beyond)} of the entries of {limits.window_days} days filled more than {limits.slippage:.2%} worse than the close "
        f"they were decided at; the worst, order {worst.client_order_id}, by {found:.3%} ({worst.slippage_pips:.1f} pips)",
        "look at `fxgpt trace ORDER`: when its quote came, and whether the market gapped; trade other hours or a tighter spread",
    )  # fmt: skip


def _of_all(window: PeriodAdherence, limits: AdherenceLimits) -> list[Breach | None]:
    rejected = dear = None
    if window.rejection_rate > limits.rejection_rate:
        rejected = Breach(
            "rejections", window.rejection_rate, limits.rejection_rate,
            f"the broker rejected {window.rejected} of {window.sent} orders of {limits.window_days} days "
            f"({window.rejection_rate:.1%}); {limits.rejection_rate:.1%} are allowed",
            "read the reasons in `fxgpt orders`: margin, volume or hours; correct them or ask the broker",
        )  # fmt: skip
    if window.cost_ratio > limits.cost_ratio * (1.0 + _ROUNDING):
        dear = Breach(
            "costs", window.cost_ratio, limits.cost_ratio,
            f"{window.closed} trades of {limits.window_days} days cost {window.actual_costs.total:.2f}, "
            f"{window.cost_ratio:.2f} times the {window.expected_costs.total:.2f} expected; allowed is {limits.cost_ratio:g}",
            "reduce the size of orders, or search again with the charges this account really pays",
        )  # fmt: skip
    return [rejected, dear]


def _too_large(order: OrderAdherence) -> Breach:
    return Breach(
        "limits", order.filled_units, order.intended_units,
        f"order {order.client_order_id} was for {order.intended_units} units and {order.filled_units} were filled",
        "halt (`fxgpt live halt`), compare the account at the broker, and close there what is too much",
    )  # fmt: skip


def _lost(loss: DailyLoss) -> Breach:
    day = datetime.fromtimestamp(loss.fx_day * DAY_US / 1_000_000, UTC)
    return Breach(
        "limits", loss.lost, loss.allowed,
        f"account {loss.account} lost {loss.lost:.2%} on {day:%Y-%m-%d}; its deployment allows {loss.allowed:.2%} a day",
        "halt (`fxgpt live halt`) and find out what was lost beyond the stops: a gap, or a stop that was not at the broker",
    )  # fmt: skip
