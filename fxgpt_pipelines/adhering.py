"""The orders of a series against what was decided: every order, and days, weeks and months of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fxgpt_core import content_hash

if TYPE_CHECKING:
    from fxgpt_core.live.adherence import OrderAdherence
    from fxgpt_core.live.adherence_limits import Breach
    from fxgpt_core.live.adherence_periods import PeriodAdherence
    from fxgpt_core.registry.deployment_records import Deployment
    from fxgpt_core.registry.lake import Lake


@dataclass(frozen=True)
class Adhered:
    """All orders of a symbol and timeframe with their periods by name (day, week, month), and the thresholds they passed.

    `denials`: how many signals each guard denied on the symbol.
    """

    orders: "Sequence[OrderAdherence]"
    periods: "Mapping[str, Sequence[PeriodAdherence]]"
    breaches: "Sequence[Breach]"
    denials: Mapping[str, int]

    @property
    def sha256(self) -> str:
        """Content hash of all of it."""
        return content_hash.of_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "orders": [order.to_json() for order in self.orders],
            **{name: [period.to_json() for period in periods] for name, periods in self.periods.items()},
            "breaches": [asdict(breach) for breach in self.breaches],
            "denials": dict(self.denials),
        }


def adhered(lake: "Lake", symbol: str, timeframe: str) -> Adhered:
    """The orders of every deployment of a series there ever was, oldest decision first."""
    from fxgpt_core.live.adherence_limits import breaches
    from fxgpt_core.live.adherence_periods import PERIODS, by_period
    from fxgpt_core.registry.deployments import Deployments

    orders: list[OrderAdherence] = []
    losses = []
    for deployment in Deployments(lake.ledger).list():
        if (deployment.symbol, deployment.timeframe) == (symbol, timeframe):
            of_it, lost = _of(lake, deployment)
            orders += of_it
            losses += lost
    orders.sort(key=lambda order: (order.decided_at_us, order.client_order_id))
    periods = {name: by_period(orders, name) for name in PERIODS}
    return Adhered(orders, periods, breaches(orders, losses), _denials(lake, symbol))


def _of(lake: "Lake", deployment: "Deployment") -> "tuple[list[OrderAdherence], list[Any]]":
    from fxgpt_core.live.adherence import adherence_of
    from fxgpt_core.live.adherence_limits import daily_losses
    from fxgpt_core.live.adherence_rows import order_lives
    from fxgpt_core.live.candle_feed import received
    from fxgpt_core.live.costed_candles import EVER, arrays_of, costed
    from fxgpt_core.market.charges import charges_of_proposal
    from fxgpt_core.market.costs import Costs
    from fxgpt_core.market.symbols import symbol as known_symbol
    from fxgpt_core.strategy.regime_sets import strategy_of

    lives = order_lives(lake.ledger, deployment.id)
    if not lives:
        return [], []
    proposal = lake.get(deployment.parameter_set_id).json()
    feed = received(lake.ledger, deployment.symbol, deployment.timeframe, EVER)
    paid = charges_of_proposal(proposal) or Costs(**proposal["costs"])
    market = costed(lake.ledger, deployment.symbol, arrays_of(feed, deployment.timeframe), paid)
    pip = known_symbol(deployment.symbol).pip
    allowed = _daily_loss_limit(strategy_of(proposal, deployment.mode))
    losses = [loss for account in {life.account for life in lives} for loss in daily_losses(lake.ledger, account, allowed)]
    return [adherence_of(life, market, pip) for life in lives], losses


def _daily_loss_limit(strategy: Any) -> float:
    """The largest daily loss any of the strategy's parameter sets allows, as a fraction of equity."""
    from fxgpt_core.strategy.regime_sets import RegimeSets

    sets = strategy.sets if isinstance(strategy, RegimeSets) else (strategy,)
    return max(float(each.risk_daily_loss_limit_pct) / 100.0 for each in sets)


def _denials(lake: "Lake", symbol: str) -> dict[str, int]:
    from sqlalchemy import func, select

    from fxgpt_core.registry.gateway_tables import guard_denials

    guard = guard_denials.c.guard
    asked = select(guard, func.count()).where(guard_denials.c.symbol == symbol).group_by(guard).order_by(guard)
    with lake.ledger.reading() as connection:
        return {name: int(n) for name, n in connection.execute(asked)}
