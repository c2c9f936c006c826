"""From stored artifacts to a deployment."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fxgpt_core.registry.lake import Making


def deploy(making: "Making", config: Mapping[str, str], run_id: str) -> dict[str, Any]:
    """Deploy the latest parameter set with the model, calibration and validation it was judged with.

    Raises `RefusedError` listing each failed gate unless the paper override gives a reason.
    """
    from fxgpt_core.registry.deployments import Deployments
    from fxgpt_core.registry.judged import deployment_request, judged

    lake = making.lake
    found = judged(lake, making.origin.symbol, making.origin.timeframe)
    for artifact in found.artifacts:
        making.read_this(artifact)
    request = deployment_request(
        found,
        broker=config["broker"],
        deployed_by=config["deployed_by"],
        override_reason=config["override_reason"] or None,
        code=lake.code,
        dagster_run_id=run_id,
    )
    deployment = Deployments(lake.ledger).deploy(request)
    approved = {name: value for name, value in asdict(request).items() if name not in ("dagster_run_id", "code")}
    return {"deployment_id": deployment.id, **approved}
