"""How an asset reports what it made: data version, row count, span, artifact, and a table or picture."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from fxgpt_core.registry.artifact import Artifact

SHOWN_ROWS = 200
LOOKED_BACK = 20


def materialized(artifact: "Artifact", *, reused: bool, metadata: Mapping[str, Any] | None = None) -> "dg.MaterializeResult[Any]":
    """The materialization of an artifact; its data version is the hash of the stored bytes."""
    facts: dict[str, Any] = {"made": "unchanged, reused" if reused else "made now"}
    if artifact.rows is not None:
        facts["dagster/row_count"] = int(artifact.rows)
    facts |= {name: artifact.summary[name] for name in ("first", "last") if name in artifact.summary}
    # What a person looks for comes before what identifies it.
    facts |= dict(metadata or {})
    facts |= {"artifact": artifact.id, "sha256": artifact.sha256, "path": dg.MetadataValue.path(str(artifact.path))}
    return dg.MaterializeResult(data_version=dg.DataVersion(f"sha256:{artifact.sha256}"), metadata=facts)


def told_before(context: dg.AssetExecutionContext, artifact: "Artifact", *names: str) -> dict[str, Any]:
    """The metadata of these names as it was told when this artifact was last materialized; none where Dagster forgot that."""
    of_partition = dg.AssetRecordsFilter(asset_key=context.asset_key, asset_partitions=[context.partition_key])
    for record in context.instance.fetch_materializations(of_partition, limit=LOOKED_BACK).records:
        told = record.asset_materialization.metadata if record.asset_materialization else {}
        if "artifact" in told and told["artifact"].value == artifact.id:
            return {name: told[name] for name in names if name in told}
    return {}


def table(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue | dg.MarkdownMetadataValue:
    """Rows with the same names as a table, at most `SHOWN_ROWS`; a line of text when there are none."""
    if not rows:
        return dg.MetadataValue.md("none")
    return dg.MetadataValue.table(records=[dg.TableRecord({k: _cell(v) for k, v in row.items()}) for row in rows[:SHOWN_ROWS]])


def two_columns(values: Mapping[str, Any]) -> dg.TableMetadataValue | dg.MarkdownMetadataValue:
    """Names and values as a table of two columns."""
    return table([{"name": name, "value": str(_cell(value))} for name, value in values.items()])


def unbroken(text: str) -> str:
    """A span of dates that a browser does not break at its hyphens."""
    return text.replace("-", "\u2011")


def _cell(value: Any) -> str | int | float | bool:
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return "" if value is None else str(value)
