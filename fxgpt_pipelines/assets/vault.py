"""The vault: the days that no search saw, opened by a person and once for a parameter set."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from fxgpt_pipelines.assets.optimization import robustness
from fxgpt_pipelines.checks import gates as checks
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import grid
from fxgpt_pipelines.recording import materialized, two_columns
from fxgpt_pipelines.resources import LakeResource

# No job takes this group: what is opened here cannot be closed again.
GROUP = "vault"


class VaultConfig(dg.Config):
    """Why the vault is opened now, and by whom: both are kept for ever. `despite_failed_gates`: though another gate failed."""

    reason: str
    opened_by: str = "dagster"
    despite_failed_gates: bool = False


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("vault"),
    deps=[robustness],
    check_specs=[checks.VAULT_CHECK],
    kinds={"numba"},
)
def vault(
    context: dg.AssetExecutionContext, config: VaultConfig, lake: LakeResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """The proposed set on the last days of the test span, which neither its search nor any other gate has seen.

    Opening it is a deliberate act, in no job, schedule or sensor, and needs a reason: the first set is judged by its number
    alone, each further set on the same days must beat what luck shows in so many looks. Refused while another gate fails.
    """
    from fxgpt_core.registry.trials import TrialStore
    from fxgpt_pipelines import opening

    with lake.making(context, config.model_dump()) as making:
        found = opening.open_vault(making, config.model_dump(), TrialStore(lake.ledger))
        reused = making.unchanged()
        summary = {"look": found.look, "passed": found.gate.passed}
        artifact = reused or making.write_json(found.to_json(), summary)
    shown = {
        "vault": two_columns({"look": found.look, "opened": f"{found.opened_at:%Y-%m-%d %H:%M} UTC", **(found.result or {})})
    }
    yield materialized(artifact, reused=reused is not None, metadata=shown)
    yield checks.verdict(found.gate)
