"""Where things live and which databases are used, read from the environment once, at the edge (cli, fxgpt_pipelines).

FXGPT_DATA_ROOT      folder of candles, artifacts, MLflow files, Dagster home   default ./data
FXGPT_LEDGER_URL     SQLAlchemy URL of the ledger                               default sqlite:///<data root>/ledger.db
FXGPT_MLFLOW_URL     SQLAlchemy URL of the MLflow store                         default sqlite:///<data root>/mlflow/mlflow.db
FXGPT_DAGSTER_PG_URL PostgreSQL URL of Dagster's own storage                    default none: SQLite below the Dagster home
DAGSTER_HOME         Dagster's home                                             default <data root>/dagster
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

POSTGRES_SCHEMES = ("postgres://", "postgresql://")


def with_driver(url: str) -> str:
    """A database URL with an explicit PostgreSQL driver.

    SQLAlchemy 2.1 reads a bare `postgresql://` as psycopg 3, which neither Dagster nor MLflow install.
    """
    for scheme in POSTGRES_SCHEMES:
        if url.startswith(scheme):
            return "postgresql+psycopg2://" + url.removeprefix(scheme)
    return url


@dataclass(frozen=True)
class Settings:
    """One set-up of fxgpt; two set-ups with different roots run side by side."""

    data_root: Path
    ledger_url: str
    mlflow_url: str
    dagster_home: Path
    dagster_pg_url: str | None

    @property
    def lake_root(self) -> Path:
        """Folder of the content-addressed artifacts."""
        return self.data_root / "lake"

    @property
    def mlflow_artifacts(self) -> Path:
        """Folder in which MLflow keeps its copies of model files."""
        return self.data_root / "mlflow" / "artifacts"

    @property
    def import_root(self) -> Path:
        """Folder of candles the user imported."""
        return self.data_root / "imports"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from an environment (default: the process's own)."""
    env = os.environ if environment is None else environment
    root = Path(env.get("FXGPT_DATA_ROOT") or "data").expanduser().resolve()
    pg_url = env.get("FXGPT_DAGSTER_PG_URL")
    return Settings(
        data_root=root,
        ledger_url=with_driver(env.get("FXGPT_LEDGER_URL") or f"sqlite:///{root / 'ledger.db'}"),
        mlflow_url=with_driver(env.get("FXGPT_MLFLOW_URL") or f"sqlite:///{root / 'mlflow' / 'mlflow.db'}"),
        dagster_home=Path(env.get("DAGSTER_HOME") or root / "dagster").expanduser().resolve(),
        dagster_pg_url=with_driver(pg_url) if pg_url else None,
    )
