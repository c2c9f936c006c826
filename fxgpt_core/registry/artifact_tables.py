"""The ledger's tables of what was made of what: artifacts, their edges and heads, the hash chain, gates and deployments."""

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from fxgpt_core.registry.tables import UtcDateTime, created_at, metadata

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("asset", String(100), nullable=False),
    Column("symbol", String(20), nullable=False),
    Column("timeframe", String(10), nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("recipe_sha256", String(64), nullable=False),
    Column("rows", BigInteger),
    Column("code_sha256", String(64), nullable=False),
    Column("commit_sha", String(64), nullable=False),
    Column("dirty_sha256", String(64)),
    Column("lock_sha256", String(64), nullable=False),
    Column("settings_json", Text, nullable=False),
    Column("seed", String(40)),
    Column("summary_json", Text, nullable=False),
    Column("dagster_run_id", String(64), nullable=False),
    Column("mlflow_run_id", String(64)),
    Column("model_name", String(256)),
    Column("model_version", String(20)),
    created_at(),
    Index("idx_artifacts_recipe", "recipe_sha256"),
    Index("idx_artifacts_partition", "asset", "symbol", "timeframe", "created_at"),
)

artifact_inputs = Table(
    "artifact_inputs",
    metadata,
    Column("child_id", String(64), ForeignKey("artifacts.id"), primary_key=True),
    Column("parent_id", String(64), ForeignKey("artifacts.id"), primary_key=True),
    Column("role", String(100), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Index("idx_artifact_inputs_parent", "parent_id"),
)

artifact_heads = Table(
    "artifact_heads",
    metadata,
    Column("asset", String(100), primary_key=True),
    Column("symbol", String(20), primary_key=True),
    Column("timeframe", String(10), primary_key=True),
    Column("artifact_id", String(64), ForeignKey("artifacts.id"), nullable=False),
    created_at("updated_at"),
)

# `created_at` is text: it is hashed, so it must come back exactly as it went in.
lineage_ledger = Table(
    "lineage_ledger",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("created_at", String(40), nullable=False),
    Column("kind", String(50), nullable=False),
    Column("payload_json", Text, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)

gate_results = Table(
    "gate_results",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("parameter_set_id", String(64), ForeignKey("artifacts.id"), nullable=False),
    Column("gate", String(100), nullable=False),
    Column("value", Float, nullable=False),
    Column("limit_value", Float, nullable=False),
    Column("comparison", String(5), nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("remedy", Text, nullable=False),
    created_at(),
    Index("uq_gate_results_gate", "parameter_set_id", "gate", unique=True),
)

deployment_evidence = Table(
    "deployment_evidence",
    metadata,
    Column("deployment_id", Integer, ForeignKey("deployment_configs.id"), primary_key=True, autoincrement=False),
    Column("broker", String(50), nullable=False),
    Column("parameter_set_id", String(64), ForeignKey("artifacts.id"), nullable=False),
    Column("params_sha256", String(64), nullable=False),
    Column("model_id", String(64), ForeignKey("artifacts.id"), nullable=False),
    Column("calibration_id", String(64), ForeignKey("artifacts.id"), nullable=False),
    Column("validation_id", String(64), ForeignKey("artifacts.id"), nullable=False),
    Column("override_reason", Text),
    Column("previous_id", Integer, ForeignKey("deployment_configs.id")),
    Column("commit_sha", String(64), nullable=False),
    Column("dirty_sha256", String(64)),
    Column("lock_sha256", String(64), nullable=False),
    Column("dagster_run_id", String(64), nullable=False),
    Column("activated_at", UtcDateTime, nullable=False),
)

vault_openings = Table(
    "vault_openings",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("symbol", String(20), nullable=False),
    Column("timeframe", String(10), nullable=False),
    Column("parameter_set_id", String(64), ForeignKey("artifacts.id")),
    Column("params_sha256", String(64), nullable=False),
    Column("window_start", UtcDateTime, nullable=False),
    Column("window_end", UtcDateTime, nullable=False),
    Column("look", Integer, nullable=False),
    Column("opened_by", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("result_json", Text),
    Column("verb", String(20), nullable=False, server_default=text("'vault'")),
    UniqueConstraint("symbol", "timeframe", "params_sha256", "window_start", "window_end", name="uq_vault_opening"),
    sqlite_autoincrement=True,
)
