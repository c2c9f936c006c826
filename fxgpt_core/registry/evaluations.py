"""Every evaluation of a run as arrays: what an engine is told again, and what luck is counted by."""

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from fxgpt_core.registry.tables import trial_ledger

OBJECTIVES = ("sharpe", "max_drawdown", "profit_factor", "cost_ratio")


@dataclass(frozen=True, eq=False)
class Evaluations:
    """N evaluations: `number`, `search`, `seed` int64[N]; `phase` str[N]; `genome` uint16[N, D]; `objectives` float64[N, 4] as
    `OBJECTIVES`, `violation` and `sharpe_per_period` float64[N]; `params_sha256` of each.

    Trials of before genomes were stored have none, and are left out by `read_evaluations`.
    """

    number: npt.NDArray[np.int64]
    search: npt.NDArray[np.int64]
    seed: npt.NDArray[np.int64]
    phase: npt.NDArray[np.str_]
    genome: npt.NDArray[np.uint16]
    objectives: npt.NDArray[np.float64]
    violation: npt.NDArray[np.float64]
    sharpe_per_period: npt.NDArray[np.float64]
    params_sha256: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.number)

    def rows(self, rows: npt.NDArray[np.int64]) -> "Evaluations":
        """Some of them."""
        return Evaluations(
            number=self.number[rows],
            search=self.search[rows],
            seed=self.seed[rows],
            phase=self.phase[rows],
            genome=self.genome[rows],
            objectives=self.objectives[rows],
            violation=self.violation[rows],
            sharpe_per_period=self.sharpe_per_period[rows],
            params_sha256=tuple(self.params_sha256[row] for row in rows),
        )


def read_evaluations(connection: Connection, run_id: int, search: int | None = None) -> Evaluations:
    """Every evaluation of a run, or of one of its searches, that has a genome, in the order of its number."""
    table = trial_ledger.c
    columns = (
        table.trial_number, table.fold, table.seed, table.phase, table.genome, table.objectives_json, table.violation,
        table.sharpe_per_period, table.params_sha256,
    )  # fmt: skip
    asked = select(*columns).where(table.run_id == run_id, table.genome.is_not(None))
    if search is not None:
        asked = asked.where(table.fold == search)
    rows = connection.execute(asked.order_by(table.trial_number)).all()
    objectives = [json.loads(row.objectives_json) for row in rows]
    genes = np.frombuffer(b"".join(bytes(row.genome) for row in rows), dtype="<u2")
    return Evaluations(
        number=np.array([row.trial_number for row in rows], dtype=np.int64),
        search=np.array([row.fold for row in rows], dtype=np.int64),
        seed=np.array([int(row.seed) for row in rows], dtype=np.int64),
        phase=np.array([row.phase for row in rows], dtype=np.str_),
        genome=genes.astype(np.uint16).reshape(len(rows), len(genes) // max(len(rows), 1)),
        objectives=np.array([[each[name] for name in OBJECTIVES] for each in objectives], dtype=np.float64).reshape(-1, 4),
        violation=np.array([row.violation for row in rows], dtype=np.float64),
        sharpe_per_period=np.array([row.sharpe_per_period for row in rows], dtype=np.float64),
        params_sha256=tuple(row.params_sha256 for row in rows),
    )
