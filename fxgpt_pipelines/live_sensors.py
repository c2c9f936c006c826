"""Sensors that watch what trades: the health of gateways, and every fill as an observation of `live_orders`."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_pipelines.partitions import partition_key
from fxgpt_pipelines.resources import LedgerResource

if TYPE_CHECKING:
    from fxgpt_core.live.gateway_health import Ailment
    from fxgpt_core.registry.ledger import Ledger

SECONDS_BETWEEN_LOOKS = 30
SECONDS_BETWEEN_FILLS = 4  # the daemon looks every 5 s
MOST_FILLS = 50  # a tick; the next one goes on
LIVE_ORDERS = dg.AssetKey("live_orders")
HEALTH = "gateway_health"
SHOWN = ("fill_id", "client_order_id", "position_id", "account", "symbol", "units", "price", "commission", "reason")


@dg.asset_check(
    asset=LIVE_ORDERS, name=HEALTH, description="Gateways live, are not halted, and know what became of their orders."
)
def gateway_health(ledger: LedgerResource) -> dg.AssetCheckResult:
    """Asked by hand; the sensor asks every half minute."""
    from fxgpt_core.live.gateway_health import ailments

    return _result(ailments(ledger.ledger))


@dg.sensor(
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A gateway that is silent or halted, or has orders of unknown outcome: an alert and a failed check.",
)
def gateway_health_sensor(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SensorResult:
    """Raise and resolve alerts at every look; tell Dagster of the check when its verdict changed."""
    from fxgpt_core.errors import LedgerMissingError
    from fxgpt_core.live.gateway_health import ailments, tell

    try:
        found = ailments(ledger.ledger)
        tell(ledger.ledger, found)
    except LedgerMissingError as error:
        return dg.SensorResult(skip_reason=str(error))
    verdict = json.dumps([[ailment.account, ailment.kind] for ailment in found])
    if verdict == (context.cursor or "[]"):
        return dg.SensorResult(skip_reason=f"{len(found)} ailments, as before")
    for ailment in found:
        context.log.warning(ailment.message)
    result = _result(found)
    told = dg.AssetCheckEvaluation(
        asset_key=LIVE_ORDERS, check_name=HEALTH, passed=result.passed, metadata=result.metadata, severity=result.severity
    )
    return dg.SensorResult(asset_events=[told], cursor=verdict)


@dg.sensor(
    minimum_interval_seconds=SECONDS_BETWEEN_FILLS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Every fill that the gateway booked is an observation of live_orders, once.",
)
def fills_sensor(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SensorResult:
    """The fills after the cursor, which is the number of the last one's fact in the lineage: facts have no gaps."""
    from fxgpt_core.errors import LedgerMissingError

    try:
        found = _booked(ledger.ledger, int(context.cursor or 0))
    except LedgerMissingError as error:
        return dg.SensorResult(skip_reason=str(error))
    if not found:
        return dg.SensorResult(skip_reason="no fill was booked since the last look")
    return dg.SensorResult(asset_events=[event for _, event in found], cursor=str(found[-1][0]))


def _result(found: "Sequence[Ailment]") -> dg.AssetCheckResult:
    from fxgpt_pipelines.recording import table

    rows = [{"account": each.account, "what": each.message, "remedy": each.remedy} for each in found]
    return dg.AssetCheckResult(
        asset_key=LIVE_ORDERS,
        check_name=HEALTH,
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"ailments": table(rows)},
    )


def _booked(ledger: "Ledger", after: int) -> list[tuple[int, dg.AssetObservation]]:
    """Facts of fills after a number of the lineage, each as an observation of the partition its order belongs to."""
    from sqlalchemy import select

    from fxgpt_core.registry.artifact_tables import lineage_ledger
    from fxgpt_core.registry.live_tables import order_intents, positions
    from fxgpt_core.registry.tables import deployment_configs

    facts, series = lineage_ledger.c, deployment_configs.c
    asked = select(facts.seq, facts.payload_json).where(facts.kind == "fill", facts.seq > after).order_by(facts.seq)
    # An exit names its position, whose order names the deployment.
    belongs = (
        select(positions.c.account, positions.c.position_id, series.symbol, series.timeframe)
        .join(order_intents, order_intents.c.client_order_id == positions.c.client_order_id)
        .join(deployment_configs, series.id == order_intents.c.deployment_id)
    )
    with ledger.reading() as connection:
        rows = connection.execute(asked.limit(MOST_FILLS)).all()
        fills = [(row.seq, json.loads(row.payload_json)) for row in rows]
        ids = {fill["position_id"] for _, fill in fills}
        of = {
            (row.account, row.position_id): (row.symbol, row.timeframe)
            for row in connection.execute(belongs.where(positions.c.position_id.in_(ids)))
        }
    return [(seq, _observed(fill, of.get((fill["account"], fill["position_id"])))) for seq, fill in fills]


def _observed(fill: dict[str, Any], place: tuple[str, str] | None) -> dg.AssetObservation:
    """A fill as an observation; one that no order of ours led to belongs to no partition."""
    shown = {name: fill[name] for name in SHOWN} | {"side": "long" if fill["side"] > 0 else "short"}
    shown["time"] = dg.MetadataValue.timestamp(fill["time_us"] / 1_000_000)
    partition = None if place is None else partition_key(*place)
    text = f"{fill['reason']}: {fill['units']} {fill['symbol']} at {fill['price']}"
    return dg.AssetObservation(asset_key=LIVE_ORDERS, partition=partition, description=text, metadata=shown)
