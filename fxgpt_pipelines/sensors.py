"""Sensors: they ask the ledger one cheap question and start runs. They import nothing heavy, a tick comes every five seconds."""

from typing import TYPE_CHECKING

import dagster as dg

from fxgpt_pipelines.attempts import CANDLE_TAG, FAILURES_TO_ALERT, Attempts, alert, attempts, candle_key
from fxgpt_pipelines.jobs import LIVE_LANE, live_trading_job
from fxgpt_pipelines.partitions import SYMBOLS, symbols
from fxgpt_pipelines.resources import LedgerResource

if TYPE_CHECKING:
    from fxgpt_core.live.candle_feed import Undecided

SECONDS_BETWEEN_TICKS = 4  # the daemon looks every 5 s; asking for 5 as well would miss every other look
SECONDS_BETWEEN_LOOKS_FOR_SYMBOLS = 14  # every third look of the daemon
MOST_WAITING = 50  # of each deployment, so that a series that cannot be decided does not starve the others


@dg.sensor(
    job_name=live_trading_job.name,  # by name: Dagster copies a sensor that holds its job, and warns about its own copy
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A closed candle × an active deployment without a decision: one run, once; again, later, when it failed.",
)
def closed_candle_sensor(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> "list[dg.RunRequest] | dg.SkipReason":
    """One run request for each waiting candle; its run key makes a second request of the same candle a no-op."""
    from fxgpt_core.errors import LedgerMissingError
    from fxgpt_core.live.candle_feed import undecided

    try:
        waiting = undecided(ledger.ledger, MOST_WAITING)
    except LedgerMissingError as error:
        return dg.SkipReason(str(error))
    if not waiting:
        return dg.SkipReason("every released candle of every active deployment is decided")
    tried = attempts(context.instance, waiting)
    for candle, so_far in tried.items():
        if so_far.failures >= FAILURES_TO_ALERT:
            alert(ledger.ledger, candle, so_far)
    due = [_request(candle, so_far) for candle, so_far in tried.items() if so_far.due(ledger.ledger.now())]
    return due or dg.SkipReason(f"{len(waiting)} candles wait: a run of each is on its way, or failed and is tried again later")


def _request(candle: "Undecided", tried: Attempts) -> dg.RunRequest:
    key = candle_key(candle)
    config = {"deployment_id": candle.deployment_id, "known_at_us": candle.known_at_us}
    return dg.RunRequest(
        # Dagster never starts a key again, also when its run failed.
        run_key=key if tried.failures == 0 else f"{key}:attempt{tried.failures + 1}",
        run_config={"ops": {"decide_on_candle": {"config": config}}},
        tags={**LIVE_LANE, CANDLE_TAG: key, "fxgpt/symbol": candle.symbol, "fxgpt/timeframe": candle.timeframe},
    )


@dg.sensor(
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS_FOR_SYMBOLS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A symbol that was imported or downloaded becomes a partition of every asset.",
)
def known_symbols_sensor(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SensorResult:
    """One request that adds every symbol of which candles are there and which is no partition yet."""
    from fxgpt_pipelines.providing import providers

    found = {symbol for provider in providers(ledger.settings()) for symbol, _ in provider.available()}
    new = sorted(found - set(context.instance.get_dynamic_partitions(SYMBOLS)))
    if not new:
        return dg.SensorResult(skip_reason=dg.SkipReason(f"candles of {len(found)} symbols are there, and all are partitions"))
    return dg.SensorResult(dynamic_partitions_requests=[symbols.build_add_request(new)])
