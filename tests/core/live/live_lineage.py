"""A whole line below one order: candles of a provider, what was made of them, a recorded trial, a deployment, trades on paper."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from live_stage import CODE, COSTS, PARAMETERS, Stage, deploy, market, wishes

from fxgpt_core.candles.versions import candles_sha256
from fxgpt_core.registry import migration
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import RESULT_COLUMNS
from fxgpt_core.registry.trials import RunRequest, TrialRecord, TrialStore

SEED = 7
FLOW = (
    ("candles", ("raw_candles",)),
    ("features", ("candles",)),
    ("diffusion_model", ("features",)),
    ("forecasts", ("diffusion_model", "features")),
    ("calibration_quantiles", ("forecasts", "candles")),
    ("walk_forward_validation", ("forecasts", "candles")),
)


def line(root: Path, n: int = 40) -> Stage:
    """The stage with everything behind its deployment really made through the lake, and `n` candles traded."""
    ledger = Ledger(f"sqlite:///{root / 'ledger.db'}")
    migration.upgrade(ledger)
    lake = Lake(root / "lake", ledger, CODE)
    made = {"raw_candles": raw_candles(lake)}
    for asset, inputs in FLOW:
        made[asset] = _made(lake, asset, inputs)
    lake.record_model(lake.get(made["diffusion_model"]), "mlflow-run", "fxgpt-EURUSD-1h", "1")
    run_id = trial(ledger)
    proposal = {"parameters": PARAMETERS.to_json(), "costs": {"spread": COSTS.spread, "commission": COSTS.commission}}
    proposal |= {"run_id": run_id, "trial_number": 0, "trial_seed": SEED, "folds": [{"index": 0}]}
    made["optimized_parameters"] = _made(lake, "optimized_parameters", ("forecasts", "calibration_quantiles"), proposal)
    candles = market(n, 5)
    stage = Stage(root, lake, candles, wishes(candles, 5), deploy(lake, PARAMETERS, "1h", made))
    stage.release(0, n)
    stage.play_all(stage.gateway())
    return stage


def raw_candles(lake: Lake) -> str:
    """A few hours of candles as a provider would have them."""
    start = datetime(2024, 3, 1, tzinfo=UTC)
    prices = [1.08 + 0.001 * (i % 7) for i in range(48)]
    frame = pl.DataFrame(
        {
            "open_time": pl.Series([start + timedelta(hours=i) for i in range(48)], dtype=pl.Datetime("us", "UTC")),
            **dict.fromkeys(("open", "high", "low", "close"), prices),
            "volume": [100.0] * 48,
        }
    )
    facts = {"provider": "sample", "candles_sha256": candles_sha256(frame)}
    with lake.making("raw_candles", "EURUSD", "1h", facts, code_sha256="0" * 64, run_id="run-raw") as making:
        return making.write_frame(frame, facts).id


def trial(ledger: Ledger) -> int:
    """One run with the one trial that proposed the parameters; returns the run's id."""
    store = TrialStore(ledger)
    request = RunRequest("00000000-0000-5000-8000-000000000001", "EURUSD", "1h", "bayesian", "global", 0, 1, 1)
    run_id = store.open_run(request)
    record: dict[str, Any] = {
        "trial_number": 0,
        "fold": 0,
        "phase": "final",
        "seed": SEED,
        "parameters": PARAMETERS.to_json(),
        "metrics": dict.fromkeys(RESULT_COLUMNS, 1.0),
        "objectives": {"sharpe": 1.0, "max_drawdown": 0.1, "profit_factor": 1.2, "cost_ratio": 0.1},
        "n_periods": 10,
        "sharpe_per_period": 0.1,
        "params_sha256": PARAMETERS.sha256,
    }
    store.record(run_id, [TrialRecord(**record)])
    return run_id


def _made(lake: Lake, asset: str, inputs: tuple[str, ...], value: object | None = None) -> str:
    with lake.making(asset, "EURUSD", "1h", {}, code_sha256="0" * 64, run_id=f"run-{asset}", seed=SEED) as making:
        for name in inputs:
            making.read(name)
        return making.write_json({"asset": asset, "values": list(range(50))} if value is None else value, {}).id
