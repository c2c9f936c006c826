"""Runs that were tried for a closed candle: a failed one is tried again under a new key, later each time, and not in silence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from fxgpt_pipelines.jobs import live_trading_job

if TYPE_CHECKING:
    from fxgpt_core.live.candle_feed import Undecided
    from fxgpt_core.registry.ledger import Ledger

CANDLE_TAG = "fxgpt/candle"
FAILED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 10.0, 600.0
FAILURES_TO_ALERT = 3


@dataclass(frozen=True)
class Attempts:
    """The runs of one candle so far; `last_failure` is the end of the last one, None while one is on its way or none was."""

    failures: int
    last_failure: float | None
    running: bool
    last_run_id: str

    def due(self, now: datetime) -> bool:
        """Whether to try (again) now: after 10 s, 20 s, 40 s, … and at most ten minutes."""
        if self.running:
            return False
        pause = min(FIRST_PAUSE_S * 2.0 ** max(0, self.failures - 1), LONGEST_PAUSE_S)
        return self.last_failure is None or now.timestamp() - self.last_failure >= pause


NONE = Attempts(0, None, False, "")


def candle_key(candle: "Undecided") -> str:
    """What names one decision for ever: deployment, symbol, timeframe and the candle's close."""
    return f"{candle.deployment_id}:{candle.symbol}:{candle.timeframe}:{candle.known_at_us}"


def attempts(instance: dg.DagsterInstance, waiting: "Sequence[Undecided]") -> "dict[Undecided, Attempts]":
    """What was tried for each waiting candle."""
    found = dict.fromkeys(map(candle_key, waiting), NONE)
    wanted = dg.RunsFilter(job_name=live_trading_job.name, tags={CANDLE_TAG: list(found)})
    for record in reversed(instance.get_run_records(wanted)):  # the newest comes first
        run, key = record.dagster_run, record.dagster_run.tags[CANDLE_TAG]
        before, failed = found[key], run.status in FAILED
        found[key] = Attempts(
            failures=before.failures + failed,
            last_failure=(record.end_time or record.create_timestamp.timestamp()) if failed else before.last_failure,
            # A run that ended well has decided; the ledger just has not been asked again since.
            running=not failed,
            last_run_id=run.run_id,
        )
    return {candle: found[candle_key(candle)] for candle in waiting}


def alert(ledger: "Ledger", candle: "Undecided", tried: Attempts) -> None:
    """Say once in the ledger that a candle stays undecided, so that `fxgpt live status` shows it."""
    from fxgpt_core.live.state_of_trading import alert as raise_alert

    message = (
        f"{tried.failures} runs failed to decide on the {candle.symbol} {candle.timeframe} candle known at "
        f"{candle.known_at_us} µs for deployment {candle.deployment_id}; trading of the symbol waits for it"
    )
    remedy = f"read run {tried.last_run_id} in the Dagster UI and mend the cause; it is tried again every ten minutes"
    with ledger.begin() as connection:
        raise_alert(connection, ledger, "undecided", alert_key(candle_key(candle)), message, remedy)


def alert_key(key: str) -> str:
    """The key of the alert about a candle."""
    return f"undecided:{key}"
