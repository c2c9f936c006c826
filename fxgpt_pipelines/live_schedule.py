"""The daily look back at what was traded, once the FX day has ended."""

import dagster as dg

from fxgpt_pipelines.jobs import BATCH_LANE, live_review
from fxgpt_pipelines.partitions import partition_key
from fxgpt_pipelines.resources import LedgerResource

AFTER_THE_FX_DAY = "10 22 * * *"  # UTC: 17:00 New York is 21:00 or 22:00


@dg.schedule(
    job_name=live_review.name,
    cron_schedule=AFTER_THE_FX_DAY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Orders, adherence and shadow of every series with an active deployment.",
)
def review_live_daily(context: dg.ScheduleEvaluationContext, ledger: LedgerResource) -> "list[dg.RunRequest] | dg.SkipReason":
    """One run for each symbol and timeframe with a deployment that is active."""
    from fxgpt_core.errors import LedgerMissingError
    from fxgpt_core.registry.deployments import Deployments

    try:
        active = Deployments(ledger.ledger).list()
    except LedgerMissingError as error:
        return dg.SkipReason(str(error))
    series = sorted({(found.symbol, found.timeframe) for found in active if found.is_active})
    day = f"{context.scheduled_execution_time:%Y-%m-%d}"
    return [
        dg.RunRequest(run_key=f"{day}:{symbol}:{timeframe}", partition_key=partition_key(symbol, timeframe), tags=BATCH_LANE)
        for symbol, timeframe in series
    ] or dg.SkipReason("nothing is deployed")
