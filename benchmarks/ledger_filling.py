"""A ledger with many trials, quickly: rows in bulk, by executemany into SQLite and by COPY into PostgreSQL."""

import io
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from sqlalchemy import select

from fxgpt_core.content_hash import canonical_json
from fxgpt_core.registry.code_identity import UNKNOWN, CodeIdentity
from fxgpt_core.registry.deployment_records import REGIMES, DeploymentRequest, RegimeMapping
from fxgpt_core.registry.deployments import Deployments
from fxgpt_core.registry.gate_results import record_board
from fxgpt_core.registry.gates import GateResult
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import COUNTS, RESULT_COLUMNS, optimization_parameters
from fxgpt_core.registry.trials import Proposal, RunRequest, TrialRecord, TrialStore
from fxgpt_core.strategy.parameters import StrategyParameters

PLACE = ("EURUSD", "1h")
SERIES = (PLACE, ("EURUSD", "5m"), PLACE, ("GBPUSD", "1h"))
PARAMETERS = StrategyParameters.default()
N_PARAMETERS = len(PARAMETERS.to_json())
CHUNK = 20_000
STAMP = "2026-01-01 00:00:00.000000"
OBJECTIVES = canonical_json({"cost_ratio": 0.7, "max_drawdown": 0.1, "profit_factor": 1.2, "sharpe": 1 / 3})
BEST_BY = 10.0
"""How much higher the Sharpe ratios of the trials with parameters are drawn."""

Rows = Iterator[Sequence[object]]
KEY = ("run_id", "trial_number")
LEDGER = (*KEY, "fold", "phase", "seed", "params_sha256", "n_periods", "sharpe_per_period", "objectives_json", "state",
          "created_at", "violation")  # fmt: skip
RESULTS = (*KEY, "regime", *RESULT_COLUMNS, "created_at")
PARAMETER_ROWS = (*KEY, "regime", "parameter_group", "parameter_name", "parameter_value", "parameter_type", "created_at")


@dataclass(frozen=True)
class Size:
    """How many trials, those with parameters among them, in how many runs; seed of their numbers."""

    trials: int
    with_parameters: int
    runs: int
    seed: int


def fill(ledger: Ledger, size: Size) -> None:
    """Runs of the three series in turn, the last one of the series that is asked and with the parameters."""
    store, rng = TrialStore(ledger), np.random.default_rng(size.seed)
    each, kept = size.trials // size.runs, _kept_rows(store)
    for number in range(size.runs):
        run_id = open_run(store, f"filled-{number}", SERIES[(size.runs - 1 - number) % len(SERIES)])
        sharpe = rng.normal(0.0, 1.0, each)
        best = np.arange(each) >= each - (size.with_parameters if number == size.runs - 1 else 0)
        sharpe[best] += BEST_BY
        drawdown, win_rate = rng.uniform(2.0, 40.0, each), rng.uniform(0.3, 0.7, each)
        numbers = np.column_stack([sharpe, drawdown, win_rate])
        write(ledger, "trial_ledger", LEDGER, _ledger_rows(run_id, sharpe))
        write(ledger, "optimization_results", RESULTS, _result_rows(run_id, numbers))
        write(ledger, "optimization_parameters", PARAMETER_ROWS, _parameter_rows(run_id, kept, np.flatnonzero(best)))
    with ledger.begin() as connection:
        connection.exec_driver_sql("ANALYZE")


def open_run(store: TrialStore, name: str, place: tuple[str, str] = PLACE) -> int:
    """A run under a name of its own."""
    run_uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, name))
    return store.open_run(RunRequest(run_uuid, *place, "genetic", "global", 0, 1, 1))


def records(n: int, seed: int) -> list[TrialRecord]:
    """Trials as a search records them, with all 90 parameters, all results and a genome."""
    rng = np.random.default_rng(seed)
    values = {**PARAMETERS.to_json()}
    found = []
    for number in range(n):
        metrics = {name: (3 if name in COUNTS else float(rng.random())) for name in RESULT_COLUMNS}
        objectives = dict(zip(("sharpe", "max_drawdown", "profit_factor", "cost_ratio"), rng.random(4).tolist(), strict=True))
        genome = rng.integers(0, 2**16, 69, dtype=np.uint16).tobytes()
        told = (500, metrics["sharpe_ratio"] / 16.0, PARAMETERS.sha256, genome)
        found.append(TrialRecord(number, 0, "search", seed, values, metrics, objectives, *told))
    return found


def deploy(ledger: Ledger, folder: Path) -> None:
    """A deployment per regime of the last run's trials, approved, its gates passed."""
    lake, store = Lake(folder / "lake", ledger, CodeIdentity(UNKNOWN, None, UNKNOWN)), TrialStore(ledger)
    run_id = open_run(store, "deployed")
    store.record(run_id, records(len(REGIMES) + 1, 0))
    ids = [
        store.record_proposal(run_id, Proposal(number, *PLACE, regime, PARAMETERS.to_json()))
        for number, regime in enumerate(("global", *REGIMES))
    ]
    made = []
    for asset in ("optimized_parameters", "diffusion_model", "calibration_quantiles", "walk_forward_validation"):
        with lake.making(asset, *PLACE, {}, code_sha256=UNKNOWN, run_id="benchmark") as making:
            made.append(making.write_json({"asset": asset}, {}).id)
    record_board(ledger, made[0], [GateResult("minimum_trades", 40.0, 30.0, ">=", True, "trade more")])
    request = DeploymentRequest(
        *PLACE, made[0], PARAMETERS.sha256, made[1], made[2], made[3], broker="paper", deployed_by="benchmark",
        override_reason=None, code=CodeIdentity(UNKNOWN, None, UNKNOWN), dagster_run_id="benchmark", regime_parameters_id=ids[0],
        regimes=RegimeMapping(dict(zip(REGIMES, ids[1:], strict=True))), approval_reason="a benchmark",
    )  # fmt: skip
    Deployments(ledger).deploy(request)


def write(ledger: Ledger, table: str, columns: Sequence[str], rows: Rows) -> None:
    """Rows into a table in chunks, each in the driver's quickest way."""
    names = ", ".join(columns)
    raw = ledger.engine.raw_connection()
    try:
        cursor = raw.cursor()
        if ledger.is_sqlite:
            cursor.execute("PRAGMA cache_size = -200000")
            cursor.execute("BEGIN IMMEDIATE")
            statement = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"
            for chunk in batched(rows, CHUNK):
                cursor.executemany(statement, chunk)
            cursor.execute("COMMIT")
        else:
            for chunk in batched(rows, CHUNK):
                # No value of theirs needs escaping.
                text = io.StringIO("".join("\t".join(map(str, row)) + "\n" for row in chunk))
                cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN", text)
            raw.commit()
    finally:
        raw.close()


def batched(rows: Rows, n: int) -> Iterator[list[Sequence[object]]]:
    """The rows, `n` at a time."""
    while chunk := list(islice(rows, n)):
        yield chunk


def _ledger_rows(run_id: int, sharpe: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Rows:
    for number, value in enumerate((sharpe / 16.0).tolist()):
        yield (run_id, number, 0, "search", "7", PARAMETERS.sha256, 500, value, OBJECTIVES, "completed", STAMP, 0.0)


def _result_rows(run_id: int, numbers: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> Rows:
    usual: dict[str, float] = {name: (3 if name in COUNTS else 0.5) for name in RESULT_COLUMNS}
    for number, (sharpe, drawdown, win_rate) in enumerate(numbers.tolist()):
        values = usual | {"sharpe_ratio": sharpe, "max_drawdown_pct": drawdown, "win_rate": win_rate}
        yield (run_id, number, "global", *values.values(), STAMP)


def _kept_rows(store: TrialStore) -> list[Sequence[object]]:
    """Group, name, value and type of the 90 parameters, as a recorded trial has them."""
    run_id, table = open_run(store, "recorded"), optimization_parameters.c
    store.record(run_id, records(1, 0))
    columns = (table.parameter_group, table.parameter_name, table.parameter_value, table.parameter_type)
    with store.ledger.reading() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).where(table.run_id == run_id))]


def _parameter_rows(run_id: int, kept: list[Sequence[object]], trials: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Rows:
    for number in trials.tolist():
        for values in kept:
            yield (run_id, number, "global", *values, STAMP)
