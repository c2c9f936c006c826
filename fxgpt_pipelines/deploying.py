"""From stored artifacts to a deployment."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making
    from fxgpt_core.registry.ledger import Ledger
    from fxgpt_core.registry.tracking import Tracking


def deploy(making: "Making", ledger: "Ledger", config: Mapping[str, str], run_id: str) -> dict[str, Any]:
    """Deploy the latest parameter set with the model, calibration and validation it was judged with.

    Raises `RefusedError` listing each failed gate unless the paper override gives a reason.
    """
    from fxgpt_core.registry.deployments import DeploymentRequest, Deployments

    names = ("optimized_parameters", "diffusion_model", "calibration_quantiles", "walk_forward_validation", "robustness")
    parameter_set, model, calibration, validation, _ = (making.read(asset) for asset in names)
    proposal = parameter_set.json()
    request = DeploymentRequest(
        symbol=parameter_set.symbol,
        timeframe=parameter_set.timeframe,
        parameter_set_id=parameter_set.id,
        params_sha256=proposal["params_sha256"],
        model_id=model.id,
        calibration_id=calibration.id,
        validation_id=validation.id,
        broker=config["broker"],
        deployed_by=config["deployed_by"],
        override_reason=config["override_reason"] or None,
        code=making.lake.code,
        dagster_run_id=run_id,
        regime_parameters_id=proposal["regime_parameters_id"],
    )
    deployment = Deployments(ledger).deploy(request)
    approved = {name: value for name, value in asdict(request).items() if name not in ("dagster_run_id", "code")}
    return {"deployment_id": deployment.id, **approved}


def name_champion(model: "Artifact", tracking: "Tracking") -> None:
    """Let MLflow's alias `champion` name the deployed version; a convenience for people, the ledger is what is trusted."""
    from fxgpt_core.registry.tracking import CHAMPION

    if model.model_name is not None and model.model_version is not None:
        tracking.set_alias(model.model_name, CHAMPION, model.model_version)
