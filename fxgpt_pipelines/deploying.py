"""From stored artifacts to a deployment."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fxgpt_core.registry.lake import Making

NOBODY = "dagster"


def deploy(making: "Making", config: Mapping[str, str], run_id: str) -> dict[str, Any]:
    """Deploy the latest parameter set with the model, calibration and validation it was judged with.

    Raises `RefusedError` listing each failed gate unless the paper override gives a reason, or when nobody approved it.
    """
    from fxgpt_core.errors import BadInputError
    from fxgpt_core.registry.deployments import Deployments
    from fxgpt_core.registry.judged import Asked, deployment_request, judged

    if config["approval_reason"] and config["deployed_by"] == NOBODY:
        raise BadInputError("an approval needs the name of a person; give `deployed_by` beside `approval_reason`")
    lake = making.lake
    found = judged(lake, making.origin.symbol, making.origin.timeframe)
    for artifact in found.artifacts:
        making.read_this(artifact)
    reasons = (config["override_reason"] or None, config["approval_reason"] or None)
    request = deployment_request(found, Asked(config["broker"], config["deployed_by"], *reasons), lake.code, run_id)
    deployment = Deployments(lake.ledger).deploy(request)
    approved = {name: value for name, value in asdict(request).items() if name not in ("dagster_run_id", "code")}
    return {"deployment_id": deployment.id, **approved}
