"""Sensors: they ask the ledger one cheap question and start runs. They import nothing heavy, a tick comes every five seconds."""

import dagster as dg

from fxgpt_pipelines.jobs import LIVE_LANE, live_trading_job
from fxgpt_pipelines.resources import LedgerResource

SECONDS_BETWEEN_TICKS = 4  # the daemon looks every 5 s; asking for 5 as well would miss every other look
MOST_RUNS_PER_TICK = 50


@dg.sensor(
    job_name=live_trading_job.name,  # by name: Dagster copies a sensor that holds its job, and warns about its own copy
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A closed candle × an active deployment without a decision: one run, once.",
)
def closed_candle_sensor(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> "list[dg.RunRequest] | dg.SkipReason":
    """One run request for each waiting candle; its run key makes a second request of the same candle a no-op."""
    from fxgpt_core.errors import LedgerMissingError
    from fxgpt_core.live.candle_feed import undecided

    try:
        waiting = undecided(ledger.ledger, MOST_RUNS_PER_TICK)
    except LedgerMissingError as error:
        return dg.SkipReason(str(error))
    if not waiting:
        return dg.SkipReason("every released candle of every active deployment is decided")
    return [
        dg.RunRequest(
            run_key=f"{candle.deployment_id}:{candle.symbol}:{candle.timeframe}:{candle.known_at_us}",
            run_config={
                "ops": {
                    "decide_on_candle": {"config": {"deployment_id": candle.deployment_id, "known_at_us": candle.known_at_us}}
                }
            },
            tags={**LIVE_LANE, "fxgpt/symbol": candle.symbol, "fxgpt/timeframe": candle.timeframe},
        )
        for candle in waiting
    ]
