"""One stored artifact: where its bytes are, what they hash to, and what made them."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row

from fxgpt_core import content_hash
from fxgpt_core.errors import CorruptArtifactError
from fxgpt_core.registry.code_identity import CodeIdentity

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Artifact:
    """A row of the ledger's artifacts, with its path made absolute; every read checks the bytes again."""

    id: str
    asset: str
    symbol: str
    timeframe: str
    path: Path
    sha256: str
    recipe_sha256: str
    rows: int | None
    summary: Mapping[str, Any]
    settings: Mapping[str, Any]
    seed: int | None
    code_sha256: str
    code: CodeIdentity
    run_id: str
    mlflow_run_id: str | None
    model_name: str | None
    model_version: str | None
    created_at: datetime

    @property
    def place(self) -> str:
        """Asset, symbol and timeframe, for messages."""
        return f"{self.asset} of {self.symbol} {self.timeframe}"

    def bytes(self) -> bytes:
        """The stored bytes. Raises `CorruptArtifactError` when they are gone or are not the bytes that were written."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError as error:
            raise CorruptArtifactError(f"{self.place}: the file {self.path} is gone. {self._remedy}") from error
        found = content_hash.of_bytes(data)
        if found != self.sha256:
            raise CorruptArtifactError(
                f"{self.place}: {self.path} hashes to {found[:16]}…, {self.sha256[:16]}… was written. {self._remedy}"
            )
        return data

    def frame(self) -> "pl.DataFrame":
        """The stored table. Raises `CorruptArtifactError`."""
        import polars as pl

        return pl.read_parquet(io.BytesIO(self.bytes()))

    def json(self) -> Any:
        """The stored JSON value. Raises `CorruptArtifactError`."""
        return json.loads(self.bytes())

    @property
    def _remedy(self) -> str:
        return f"Restore the file from a backup, or materialize {self.asset} again"


def artifact_of(row: Row[Any], root: Path) -> Artifact:
    """The artifact of a ledger row, below the lake's root."""
    return Artifact(
        id=row.id,
        asset=row.asset,
        symbol=row.symbol,
        timeframe=row.timeframe,
        path=root / row.path,
        sha256=row.sha256,
        recipe_sha256=row.recipe_sha256,
        rows=row.rows,
        summary=json.loads(row.summary_json),
        settings=json.loads(row.settings_json),
        seed=None if row.seed is None else int(row.seed),
        code_sha256=row.code_sha256,
        code=CodeIdentity(row.commit_sha, row.dirty_sha256, row.lock_sha256),
        run_id=row.dagster_run_id,
        mlflow_run_id=row.mlflow_run_id,
        model_name=row.model_name,
        model_version=row.model_version,
        created_at=row.created_at,
    )
