"""`python -m fxgpt_pipelines.demo`: from raw candles to an audited paper order, once through the whole line.

Every asset is materialized on the real, persistent Dagster instance; the latest 48 candles are held out and released as if
they closed now, so that sensor, live job and gateway do what they would do live. A second run reuses what is unchanged.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fxgpt_core.cli import failure
from fxgpt_core.errors import FxgptError
from fxgpt_core.settings import Settings, read_settings
from fxgpt_pipelines import demo_report, services
from fxgpt_pipelines.progress import Steps
from fxgpt_pipelines.replay import Series, Standing, gateway_lives, held_out, standing, wait_until_complete

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from fxgpt_core.live.candle_feed import ClosedCandle
    from fxgpt_core.registry.lake import Lake
    from fxgpt_core.registry.ledger import Ledger
    from fxgpt_pipelines.running import Made, Runner

HELD_OUT = 48
RELEASED_FIRST = 24
RELEASED_MORE = 8
ACCOUNT = "paper"
LIVE_JOB = "live_trading_job"
INTERRUPTED = 130
OVERRIDE_REASON = "demo: first walk through the line; the failed gates were shown"
APPROVAL = {"approval_reason": "demo: first walk through the line; every gate passed", "deployed_by": "demo"}

# Seconds on two cores, for the estimate of what is left before anything has been measured.
TYPICAL_S = {
    "set-up": 8.0,
    "raw_candles": 1.0,
    "candles": 2.0,
    "features": 2.0,
    "regimes": 3.0,
    "patterns": 5.0,
    "pattern_autoencoder": 15.0,
    "diffusion_model": 25.0,
    "forecasts": 25.0,
    "calibration_quantiles": 1.0,
    "walk_forward_validation": 2.0,
    "optimized_parameters": 6.0,
    "robustness": 12.0,
    "ablation": 2.0,
    "deployment": 1.0,
    "live decisions": 90.0,
    "live_orders": 2.0,
    "adherence": 2.0,
    "shadow_comparison": 4.0,
}
TO_THE_GATES = (
    *("raw_candles", "candles", "features", "regimes", "patterns", "pattern_autoencoder", "diffusion_model", "forecasts"),
    *("calibration_quantiles", "walk_forward_validation", "optimized_parameters", "robustness", "ablation"),
)


@dataclass(frozen=True)
class Plan:
    """What the demo was asked for: `preset` of training, `release` held-out candles before the first look for an order."""

    symbol: str
    timeframe: str
    preset: str = "demo"
    release: int = RELEASED_FIRST

    def config(self, asset: str) -> dict[str, Any] | None:
        """The configuration of an asset, where it is not the default."""
        configs: dict[str, dict[str, Any]] = {
            "raw_candles": {"hold_out_candles": HELD_OUT},
            "diffusion_model": {"preset": self.preset},
            # What trades every other day shows an order in the few candles that are held out.
            "optimized_parameters": {"min_trades": 20},
        }
        return configs.get(asset)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code (see fxgpt_core/errors.py) after saying what went wrong, without a traceback."""
    _quiet()
    plan = _plan(arguments)
    try:
        settings = read_settings()
    except FxgptError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    try:
        _demo(plan, settings)
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; what was made is kept, run the demo again to go on\n")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 -- the edge: told in one line, the traceback goes to the log folder
        return failure.told(error, False, settings.data_root / "logs", datetime.now(UTC))
    return 0


def _demo(plan: Plan, settings: Settings) -> None:
    from fxgpt_pipelines.instance.home import opened_instance
    from fxgpt_pipelines.running import Runner

    steps = Steps(TYPICAL_S)
    steps.say(f"fxgpt demo: {plan.symbol} {plan.timeframe}, data in {settings.data_root}")
    ledger = _set_up(steps, settings)
    with opened_instance(settings) as instance:
        runner = Runner(instance, plan.symbol, plan.timeframe, steps.tell)
        for asset in TO_THE_GATES:
            _materialize(steps, runner, asset, plan.config(asset))
        lake = _lake(settings, ledger)
        all_passed = demo_report.gates(steps, lake, lake.latest("robustness", plan.symbol, plan.timeframe))
        _materialize(steps, runner, "deployment", APPROVAL if all_passed else {"override_reason": OVERRIDE_REASON})
        deployed = lake.latest("deployment", plan.symbol, plan.timeframe).json()
        series = Series(plan.symbol, plan.timeframe, deployed["deployment_id"])
        _live(steps, settings, ledger, series, instance, plan.release)
        for asset in ("live_orders", "adherence", "shadow_comparison"):
            _materialize(steps, runner, asset)
    demo_report.end(steps, lake, series)


def _live(steps: Steps, settings: Settings, ledger: "Ledger", series: Series, instance: "DagsterInstance", n_first: int) -> None:
    """Gateway and daemon run while the held-out candles are released; nothing is started when all were decided before."""
    from fxgpt_pipelines.running import wait_until_ended

    began = time.monotonic()
    with steps.step("live decisions"):
        before = standing(ledger, series)
        if before.complete and before.filled:
            steps.made(f"reused  {before}", time.monotonic() - began, reused=True)
            return
        waiting = held_out(settings, ledger, series)
        with services.Services(settings.data_root / "logs") as started:
            if not gateway_lives(ledger, ACCOUNT):
                started.start(services.gateway(settings, ACCOUNT))
                started.start(services.daemon(settings))
            now = _played(steps, ledger, series, started, waiting[:n_first])
            for first in range(n_first, HELD_OUT, RELEASED_MORE):
                if now.filled:
                    break
                now = _played(steps, ledger, series, started, waiting[first : first + RELEASED_MORE])
            # A decision is recorded a moment before its run ends; stopping the daemon in between would fail that run.
            wait_until_ended(instance, LIVE_JOB)
        steps.made(f"made    {now}", time.monotonic() - began)


def _played(
    steps: Steps, ledger: "Ledger", series: Series, started: services.Services, candles: "list[ClosedCandle]"
) -> Standing:
    from fxgpt_core.live.releasing import Pace, release_paced

    release_paced(ledger, (series.symbol, series.timeframe), candles, Pace())
    return wait_until_complete(ledger, series, started, steps.tell)


def _lake(settings: Settings, ledger: "Ledger") -> "Lake":
    from fxgpt_core.registry.code_identity import code_identity
    from fxgpt_core.registry.lake import Lake

    return Lake(settings.lake_root, ledger, code_identity())


def _set_up(steps: Steps, settings: Settings) -> "Ledger":
    from fxgpt_pipelines.instance.home import prepare_home

    began = time.monotonic()
    with steps.step("set-up"):
        from fxgpt_core.registry.ledger import Ledger
        from fxgpt_core.registry.migration import upgrade
        from fxgpt_core.registry.tracking import upgrade_store

        steps.tell("ledger")
        ledger = Ledger(settings.ledger_url)
        upgrade(ledger)
        steps.tell("Dagster home")
        prepare_home(settings)
        steps.tell("MLflow store")
        upgrade_store(settings.mlflow_url)
        steps.made("ledger, Dagster home, MLflow store", time.monotonic() - began, reused=True)
    return ledger


def _materialize(steps: Steps, runner: "Runner", asset: str, config: dict[str, Any] | None = None) -> "Made":
    with steps.step(asset):
        made = runner.materialize(asset, config)
        steps.made(("reused  " if made.reused else "made    ") + headline(made), made.seconds, reused=made.reused)
    return made


def headline(made: "Made") -> str:
    """What one asset made, in one line."""
    facts = made.metadata
    parts = [f"{facts['dagster/row_count']} rows"] if "dagster/row_count" in facts else []
    parts += [f"{facts['first'][:10]} … {facts['last'][:10]}"] if "first" in facts else []
    parts += [f"{name} {facts[name]}" for name in ("origins", "passed", "orders", "fills") if name in facts]
    parts += [f"crps_skill {facts['crps_skill']:.4g}"] if "crps_skill" in facts else []
    parts += [str(facts["model_version"])] if "model_version" in facts else []
    parts += ["nothing learned was better than its start, a random walk"] if facts.get("best_step") == 0 else []
    failed = [name for name, passed in made.checks.items() if not passed]
    checked = len(made.checks)
    if checked:
        named = f" (not {', '.join(failed)})" if 0 < len(failed) < 3 else ""
        parts += [f"{checked - len(failed)}/{checked} checks passed{named}"]
    return ", ".join(parts) or f"sha256 {str(facts.get('sha256', ''))[:12]}"


def _plan(arguments: Sequence[str] | None) -> Plan:
    from fxgpt_core.market.symbols import symbol
    from fxgpt_core.market.timeframes import timeframe

    parser = argparse.ArgumentParser(prog="python -m fxgpt_pipelines.demo", description="From raw candles to an audited order.")
    parser.add_argument("--symbol", default="EURUSD", help="a symbol of the sample or of your imported candles")
    parser.add_argument("--timeframe", default="1h", help="1m, 5m, 15m, 30m, 1h, 4h or 1d")
    parser.add_argument("--preset", default="demo", help="size of the training: tiny, demo, base or large")
    parser.add_argument("--release", type=int, default=RELEASED_FIRST, help=f"held-out candles to replay, at most {HELD_OUT}")
    given = parser.parse_args(arguments)
    if not 1 <= given.release <= HELD_OUT:
        parser.error(f"--release {given.release} found; 1 to {HELD_OUT} candles are held out")
    try:
        return Plan(symbol(given.symbol).name, timeframe(given.timeframe).value, given.preset, given.release)
    except FxgptError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(error.exit_code) from error


def _quiet() -> None:
    # Threads that wait for each other by spinning take the core the other one needs, as soon as anything else runs as well.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Alembic tells each revision it applies; the demo has one line for all of them.
    logging.getLogger("alembic").setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
