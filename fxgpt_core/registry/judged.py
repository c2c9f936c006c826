"""What the gates judged, as one: only these artifacts together may trade, not whatever is the latest of each by now."""

from dataclasses import dataclass

from fxgpt_core.errors import RefusedError
from fxgpt_core.registry.artifact import Artifact
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.deployment_records import DeploymentRequest, RegimeMapping
from fxgpt_core.registry.lake import Lake

SEARCHED_WITH = ("diffusion_model", "calibration_quantiles")


@dataclass(frozen=True)
class Judged:
    """A parameter set, the model and calibration it was searched and judged with, the validation, and the evidence."""

    parameter_set: Artifact
    model: Artifact
    calibration: Artifact
    validation: Artifact
    robustness: Artifact

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """All of them."""
        return (self.parameter_set, self.model, self.calibration, self.validation, self.robustness)


def judged(lake: Lake, symbol: str, timeframe: str) -> Judged:
    """The latest parameter set with what its gates judged it on; every file is read and verified.

    Raises `MissingError` when nothing was judged, `RefusedError` when the latest set, or the model and calibration it was
    searched with, are not those the gates judged, `CorruptArtifactError` when a file is not what was written.
    """
    parameter_set = lake.latest("optimized_parameters", symbol, timeframe)
    robustness = lake.latest("robustness", symbol, timeframe)
    parts = {edge.role: edge.parent for edge in lake.inputs(robustness.id)}
    searched = {edge.role: edge.parent.id for edge in lake.inputs(parameter_set.id)}
    wanted = {"optimized_parameters": parameter_set.id} | {role: searched[role] for role in SEARCHED_WITH}
    different = [role for role, artifact_id in wanted.items() if parts[role].id != artifact_id]
    if different:
        raise RefusedError(
            f"the gates of {symbol} {timeframe} judged another {' and another '.join(different)} than the latest parameter set "
            f"{parameter_set.id[:16]} rests on; materialize robustness again"
        )
    found = Judged(
        parameter_set,
        model=parts["diffusion_model"],
        calibration=parts["calibration_quantiles"],
        validation=parts["walk_forward_validation"],
        robustness=robustness,
    )
    for artifact in found.artifacts:
        artifact.bytes()
    return found


@dataclass(frozen=True)
class Asked:
    """Who wants a judged parameter set to trade where, and why it may: each reason None where it is not given."""

    broker: str
    by: str
    override_reason: str | None = None
    approval_reason: str | None = None


def deployment_request(found: Judged, asked: Asked, code: CodeIdentity, dagster_run_id: str) -> DeploymentRequest:
    """The request to let a judged parameter set trade."""
    proposal = found.parameter_set.json()
    return DeploymentRequest(
        symbol=found.parameter_set.symbol,
        timeframe=found.parameter_set.timeframe,
        parameter_set_id=found.parameter_set.id,
        params_sha256=proposal["params_sha256"],
        model_id=found.model.id,
        calibration_id=found.calibration.id,
        validation_id=found.validation.id,
        broker=asked.broker,
        deployed_by=asked.by,
        override_reason=asked.override_reason,
        code=code,
        dagster_run_id=dagster_run_id,
        regime_parameters_id=proposal["regime_parameters_id"],
        regimes=RegimeMapping(proposal.get("regime_parameters_ids", {}), proposal.get("regime_fallbacks", {})),
        approval_reason=asked.approval_reason,
        out_of_sample_sharpe=proposal["out_of_sample"]["sharpe_ratio"],
    )
