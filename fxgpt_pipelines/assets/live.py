"""Deployment, what came of it, and the proof that live decided as the backtest path decides."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from fxgpt_core.errors import BrokenLineageError
from fxgpt_pipelines.assets.optimization import robustness
from fxgpt_pipelines.assets.vault import vault
from fxgpt_pipelines.checks import live as checks
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.deploying import NOBODY
from fxgpt_pipelines.partitions import cell, grid
from fxgpt_pipelines.recording import materialized, table, two_columns
from fxgpt_pipelines.resources import LakeResource, TrackingResource

GROUP = "live"


class DeploymentConfig(dg.Config):
    """`broker` that trades it; `approval_reason`: why `deployed_by`, a person's name, lets it trade (empty: it was approved
    before, or the policy allows it); `override_reason`: why failed gates are accepted, on paper only. All are kept for ever.
    """

    broker: str = "paper"
    approval_reason: str = ""
    override_reason: str = ""
    deployed_by: str = NOBODY


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("deployment"),
    deps=[robustness, vault],
    kinds={"sqlite"},
)
def deployment(
    context: dg.AssetExecutionContext, config: DeploymentConfig, lake: LakeResource, tracking: TrackingResource
) -> "dg.MaterializeResult[Any]":
    """The parameter set that trades from now on. Refused when a gate failed, unless overridden with a reason, on paper, and
    without a person's approval or a policy that allows it.
    """
    from fxgpt_core.registry.tracking import name_champion
    from fxgpt_pipelines import deploying

    with lake.making(context, config.model_dump()) as making:
        record = deploying.deploy(making, config.model_dump(), context.run.run_id)
        reused = making.unchanged()
        if reused is not None and reused.json() != record:
            # The same parameter set again after a rollback is a new deployment.
            reused = None
        problem = None if reused is not None else name_champion(tracking.tracking(), lake.lake.get(record["model_id"]))
        if problem is not None:
            context.log.warning(problem)
        artifact = reused or making.write_json(record, {"deployment_id": record["deployment_id"]})
    return materialized(artifact, reused=reused is not None, metadata={"deployment": two_columns(record)})


@dg.asset(partitions_def=grid, group_name=GROUP, code_version=code_version("live_orders"), deps=[deployment], kinds={"sqlite"})
def live_orders(context: dg.AssetExecutionContext, lake: LakeResource) -> "dg.MaterializeResult[Any]":
    """Decisions, orders and fills of the partition's deployments, as they are in the ledger now."""
    from fxgpt_pipelines import trading

    symbol, timeframe = cell(context.partition_key)
    traded = trading.traded(lake.ledger, symbol, timeframe)
    with lake.making(context, {"ledger_sha256": traded.sha256}) as making:
        making.read("deployment")
        reused = making.unchanged()
        artifact = reused or making.write_json(traded.to_json(), traded.counts)
    return materialized(
        artifact,
        reused=reused is not None,
        metadata={**traded.counts, "order_table": table(traded.orders), "fill_table": table(traded.fills)},
    )


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("adherence"),
    deps=[live_orders],
    check_specs=checks.ADHERENCE_CHECKS,
    kinds={"sqlite"},
)
def adherence(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """What became of every order: price, size, costs and profit as decided and as they came, by trade, day, week and month."""
    from fxgpt_core.live.adherence_limits import tell
    from fxgpt_pipelines import adherence_shown, adhering

    symbol, timeframe = cell(context.partition_key)
    found = adhering.adhered(lake.lake, symbol, timeframe)
    tell(lake.ledger, symbol, timeframe, found.breaches)
    with lake.making(context, {"adherence_sha256": found.sha256}) as making:
        making.read("live_orders")
        reused = making.unchanged()
        counts = {"orders": len(found.orders), "breaches": len(found.breaches)}
        artifact = reused or making.write_json(found.to_json(), counts)
    yield materialized(artifact, reused=reused is not None, metadata={**counts, **adherence_shown.metadata(found)})
    yield from checks.within_thresholds(found)


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("shadow_comparison"),
    deps=[live_orders],
    check_specs=checks.SHADOW_CHECKS,
    kinds={"pytorch"},
)
def shadow_comparison(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """Every live decision made again by the backtest's path, none may differ; and the backtest's trades of them against live."""
    from fxgpt_pipelines import shadow_shown, shadowing

    compared = shadowing.compared(lake.lake, *cell(context.partition_key))
    with lake.making(context, {"compared_sha256": compared.sha256}) as making:
        making.read("live_orders")
        verdict = checks.no_difference(compared)
        if compared.differences:
            yield verdict
            raise BrokenLineageError(
                f"{len(compared.differences)} numbers of {compared.n_decisions} live decisions differ from the backtest path; "
                "none may: halt trading (`fxgpt live halt`) and look at the check's table"
            )
        reused = making.unchanged()
        counts = {"decisions": compared.n_decisions, "undecided": compared.n_undecided, "differences": 0}
        artifact = reused or making.write_json(compared.to_json(), counts)
    yield materialized(artifact, reused=reused is not None, metadata={**counts, **shadow_shown.metadata(compared)})
    yield verdict
    yield checks.every_candle_decided(compared)
    yield checks.every_difference_explained(compared)
