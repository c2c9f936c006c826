"""The only door to artifacts: whoever reads or writes here is recorded, so lineage cannot be forgotten.

A file is written first, whole, then one transaction names it; a crash between leaves a file nobody refers to, never a row
without its file.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, Unpack

from sqlalchemy import Connection, delete, insert, select, update

from fxgpt_core import content_hash
from fxgpt_core.atomic_file import write_atomically
from fxgpt_core.content_hash import canonical_json
from fxgpt_core.errors import BadInputError, CorruptArtifactError, MissingError
from fxgpt_core.parquet import parquet_bytes
from fxgpt_core.registry import lineage
from fxgpt_core.registry.artifact import Artifact, artifact_of
from fxgpt_core.registry.artifact_tables import artifact_heads, artifact_inputs, artifacts
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.ledger import Ledger

if TYPE_CHECKING:
    import polars as pl

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Provenance(TypedDict):
    """Who makes an artifact: the hash of the code room, the run's id, and the seed where chance is involved."""

    code_sha256: str
    run_id: str
    seed: NotRequired[int | None]


@dataclass(frozen=True)
class Edge:
    """One input of one artifact: its role, the parent, and the hash of the bytes that were really read."""

    child_id: str
    role: str
    sha256: str
    parent: Artifact


@dataclass(frozen=True)
class Origin:
    """What an artifact is made of besides its inputs."""

    asset: str
    symbol: str
    timeframe: str
    settings: Mapping[str, Any]
    code_sha256: str
    run_id: str
    seed: int | None


class Lake:
    """The artifacts below `root`, named by `ledger`, made by `code`."""

    def __init__(self, root: Path, ledger: Ledger, code: CodeIdentity) -> None:
        self.root = root
        self.ledger = ledger
        self.code = code

    @contextmanager
    def making(
        self, asset: str, symbol: str, timeframe: str, settings: Mapping[str, Any], **provenance: Unpack[Provenance]
    ) -> Iterator["Making"]:
        """One artifact in the making. Raises `BadInputError` for a name that cannot be a folder."""
        for name in (asset, symbol, timeframe):
            if not NAME.fullmatch(name):
                raise BadInputError(f"{name!r} cannot name a folder; use letters, digits, _ . and -")
        code_sha256, run_id, seed = provenance["code_sha256"], provenance["run_id"], provenance.get("seed")
        yield Making(self, Origin(asset, symbol, timeframe, dict(settings), code_sha256, run_id, seed))

    def latest(self, asset: str, symbol: str, timeframe: str) -> Artifact:
        """The artifact made or re-used last. Raises `MissingError`."""
        head = artifact_heads.c
        asked = (
            select(artifacts)
            .join(artifact_heads, head.artifact_id == artifacts.c.id)
            .where(head.asset == asset, head.symbol == symbol, head.timeframe == timeframe)
        )
        with self.ledger.reading() as connection:
            row = connection.execute(asked).one_or_none()
        if row is None:
            raise MissingError(
                f"{symbol} {timeframe} has no {asset} yet; materialize {asset} for {symbol} {timeframe} first "
                f"(`make demo SYMBOL={symbol} TIMEFRAME={timeframe}` runs the whole line)"
            )
        return artifact_of(row, self.root)

    def symbols(self, asset: str, timeframe: str) -> list[str]:
        """The symbols that have an artifact of an asset and timeframe, sorted."""
        head = artifact_heads.c
        with self.ledger.reading() as connection:
            found = connection.execute(select(head.symbol).where(head.asset == asset, head.timeframe == timeframe)).scalars()
            return sorted(found)

    def get(self, artifact_id: str) -> Artifact:
        """The artifact of an id. Raises `MissingError`."""
        with self.ledger.reading() as connection:
            row = connection.execute(select(artifacts).where(artifacts.c.id == artifact_id)).one_or_none()
        if row is None:
            raise MissingError(f"the ledger knows no artifact {artifact_id}; check the id and the ledger's URL")
        return artifact_of(row, self.root)

    def every(self, asset: str, symbol: str) -> list[Artifact]:
        """Every artifact ever made of an asset and symbol, of all timeframes, oldest first."""
        asked = select(artifacts).where(artifacts.c.asset == asset, artifacts.c.symbol == symbol)
        with self.ledger.reading() as connection:
            rows = connection.execute(asked.order_by(artifacts.c.created_at, artifacts.c.id)).all()
        return [artifact_of(row, self.root) for row in rows]

    def verify(self, artifact: Artifact) -> str:
        """The hash of the file as it is now, to compare with `artifact.sha256`. Raises `CorruptArtifactError` when it is gone."""
        try:
            return content_hash.of_file(artifact.path)
        except FileNotFoundError as error:
            raise CorruptArtifactError(
                f"{artifact.place}: the file {artifact.path} is gone. Restore it from a backup, "
                f"or materialize {artifact.asset} again"
            ) from error

    def inputs(self, artifact_id: str) -> list[Edge]:
        """What one artifact was made of, by role."""
        with self.ledger.reading() as connection:
            return self._edges(connection, artifact_id)

    def ancestors(self, artifact_id: str) -> list[Edge]:
        """Every edge behind an artifact, nearest first (breadth first); each artifact is expanded once."""
        found: list[Edge] = []
        seen, waiting = {artifact_id}, [artifact_id]
        with self.ledger.reading() as connection:
            while waiting:
                edges = [edge for child in waiting for edge in self._edges(connection, child)]
                found += edges
                waiting = list(dict.fromkeys(edge.parent.id for edge in edges if edge.parent.id not in seen))
                seen.update(waiting)
        return found

    def descendants(self, artifact_id: str) -> list[Artifact]:
        """Every artifact that rests on this one, nearest first: what a bad input would reach."""
        found: list[Artifact] = []
        seen, waiting = {artifact_id}, [artifact_id]
        with self.ledger.reading() as connection:
            while waiting:
                children = select(artifact_inputs.c.child_id).where(artifact_inputs.c.parent_id.in_(waiting))
                asked = select(artifacts).where(artifacts.c.id.in_(children)).order_by(artifacts.c.created_at, artifacts.c.id)
                new = [artifact_of(row, self.root) for row in connection.execute(asked) if row.id not in seen]
                found += new
                waiting = [artifact.id for artifact in new]
                seen.update(waiting)
        return found

    def record_model(self, artifact: Artifact, mlflow_run_id: str, name: str, version: str) -> Artifact:
        """Note which MLflow model version carries an artifact's bytes, with an entry in the lineage; once."""
        if (artifact.mlflow_run_id, artifact.model_name, artifact.model_version) == (mlflow_run_id, name, version):
            return artifact
        values = {"mlflow_run_id": mlflow_run_id, "model_name": name, "model_version": version}
        with self.ledger.begin() as connection:
            lineage.append(connection, "model_version", {"artifact_id": artifact.id, **values}, self.ledger.now())
            connection.execute(update(artifacts).where(artifacts.c.id == artifact.id).values(**values))
        return self.get(artifact.id)

    def _edges(self, connection: Connection, child_id: str) -> list[Edge]:
        edge = artifact_inputs.c
        asked = (
            select(edge.role, edge.sha256.label("read_sha256"), artifacts)
            .join(artifacts, artifacts.c.id == edge.parent_id)
            .where(edge.child_id == child_id)
            .order_by(edge.role, edge.parent_id)
        )
        rows = connection.execute(asked)
        return [Edge(child_id, row.role, row.read_sha256, artifact_of(row, self.root)) for row in rows]


class Making:
    """One artifact in the making: notes what it reads, knows whether it was made before, writes it once."""

    def __init__(self, lake: Lake, origin: Origin) -> None:
        self.lake = lake
        self.origin = origin
        self.read_so_far: dict[tuple[str, str], Artifact] = {}

    def read(self, asset: str, *, symbol: str | None = None, timeframe: str | None = None, role: str | None = None) -> Artifact:
        """The latest artifact of an asset, of this partition unless given, its bytes verified and noted as an input, as a `role`.

        Raises `MissingError` saying what to materialize, `CorruptArtifactError` when the bytes were changed.
        """
        found = self.lake.latest(asset, symbol or self.origin.symbol, timeframe or self.origin.timeframe)
        return self.read_this(found, role)

    def read_this(self, artifact: Artifact, role: str | None = None) -> Artifact:
        """A certain artifact, which need not be the latest, verified and noted as `read` does."""
        artifact.bytes()
        self.read_so_far[role or artifact.asset, artifact.id] = artifact
        return artifact

    def unchanged(self) -> Artifact | None:
        """An earlier artifact of the same recipe whose bytes verify, which becomes the latest; None when it must be made."""
        recipe = self.recipe_sha256
        asked = select(artifacts).where(artifacts.c.recipe_sha256 == recipe).order_by(artifacts.c.created_at.desc())
        with self.lake.ledger.reading() as connection:
            rows = connection.execute(asked).all()
        for row in rows:
            artifact = artifact_of(row, self.lake.root)
            if artifact.path.is_file() and self.lake.verify(artifact) == artifact.sha256:
                with self.lake.ledger.begin() as connection:
                    lineage.lock(connection)
                    self._become_latest(connection, artifact.id)
                return artifact
        return None

    def write_frame(self, frame: "pl.DataFrame", summary: Mapping[str, Any]) -> Artifact:
        """Store a table as Parquet (zstd)."""
        return self._store(parquet_bytes(frame), "parquet", summary, frame.height)

    def write_json(self, value: Any, summary: Mapping[str, Any]) -> Artifact:
        """Store a JSON value in its canonical text. Raises `ValueError` for NaN and infinities."""
        return self._store(canonical_json(value).encode(), "json", summary, None)

    def write_bytes(self, data: bytes, suffix: str, summary: Mapping[str, Any]) -> Artifact:
        """Store bytes as they are; `suffix` is the file's ending without its dot."""
        return self._store(data, suffix, summary, None)

    @property
    def recipe_sha256(self) -> str:
        """The hash of all that determines the artifact: its place, code, settings, seed and the inputs read so far."""
        return content_hash.of_json(
            {
                "asset": self.origin.asset,
                "symbol": self.origin.symbol,
                "timeframe": self.origin.timeframe,
                "code_sha256": self.origin.code_sha256,
                "settings": dict(self.origin.settings),
                "seed": self.origin.seed,
                "inputs": sorted(parent for _, parent in self.read_so_far),
            }
        )

    def _store(self, data: bytes, suffix: str, summary: Mapping[str, Any], rows: int | None) -> Artifact:
        sha256, recipe = content_hash.of_bytes(data), self.recipe_sha256
        artifact_id = content_hash.of_json({"recipe_sha256": recipe, "sha256": sha256})
        origin = self.origin
        relative = Path(origin.asset, origin.symbol, origin.timeframe, f"{sha256[:16]}.{suffix}")
        write_atomically(self.lake.root / relative, data)
        values = {
            "id": artifact_id,
            "path": relative.as_posix(),
            "sha256": sha256,
            "recipe_sha256": recipe,
            "rows": rows,
            "summary_json": canonical_json(dict(summary)),
            **self._origin_values(),
        }
        with self.lake.ledger.begin() as connection:
            lineage.lock(connection)
            if connection.execute(select(artifacts.c.id).where(artifacts.c.id == artifact_id)).first() is None:
                self._insert(connection, values)
            self._become_latest(connection, artifact_id)
        return self.lake.get(artifact_id)

    def _origin_values(self) -> dict[str, Any]:
        origin, code = self.origin, self.lake.code
        return {
            "asset": origin.asset,
            "symbol": origin.symbol,
            "timeframe": origin.timeframe,
            "code_sha256": origin.code_sha256,
            "commit_sha": code.commit,
            "dirty_sha256": code.dirty_sha256,
            "lock_sha256": code.lock_sha256,
            "settings_json": canonical_json(dict(origin.settings)),
            "seed": None if origin.seed is None else str(origin.seed),
            "dagster_run_id": origin.run_id,
        }

    def _insert(self, connection: Connection, values: dict[str, Any]) -> None:
        now = self.lake.ledger.now()
        inputs = [
            {"child_id": values["id"], "parent_id": parent.id, "role": role, "sha256": parent.sha256}
            for (role, _), parent in sorted(self.read_so_far.items())
        ]
        connection.execute(insert(artifacts), {**values, "created_at": now})
        if inputs:
            connection.execute(insert(artifact_inputs), inputs)
        lineage.append(connection, "artifact", {**values, "inputs": inputs}, now)

    def _become_latest(self, connection: Connection, artifact_id: str) -> None:
        place = {"asset": self.origin.asset, "symbol": self.origin.symbol, "timeframe": self.origin.timeframe}
        connection.execute(delete(artifact_heads).where(*(artifact_heads.c[name] == part for name, part in place.items())))
        connection.execute(insert(artifact_heads), {**place, "artifact_id": artifact_id, "updated_at": self.lake.ledger.now()})
