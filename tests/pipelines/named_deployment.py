"""A deployment whose artifacts only have their names: enough for what comes before and after a forecast."""

from collections.abc import Callable
from types import SimpleNamespace

from tiny_line import SetUp

from fxgpt_core.live.candle_feed import ClosedCandle, release
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.deployment_records import Deployment, DeploymentRequest
from fxgpt_core.registry.deployments import Deployments
from fxgpt_core.strategy.decision import Decision
from fxgpt_core.strategy.parameters import StrategyParameters

SERIES = ("EURUSD", "1h")
OPENED_US = 1_709_553_600_000_000  # 2024-03-04 12:00 UTC
HOUR_US = 3_600_000_000
PARAMETERS = StrategyParameters.default()


def deployed_by_name(at: SetUp) -> Deployment:
    """An active deployment of EURUSD 1h on paper."""
    made = {name: _artifact(at, name) for name in ("diffusion_model", "calibration_quantiles", "walk_forward_validation")}
    proposal = {"parameters": PARAMETERS.to_json(), "costs": {"spread": 0.0001, "commission": 0.00002}}
    request = DeploymentRequest(
        symbol=SERIES[0],
        timeframe=SERIES[1],
        parameter_set_id=_artifact(at, "optimized_parameters", proposal),
        params_sha256=PARAMETERS.sha256,
        model_id=made["diffusion_model"],
        calibration_id=made["calibration_quantiles"],
        validation_id=made["walk_forward_validation"],
        broker="paper",
        deployed_by="test",
        override_reason="a test",
        code=CodeIdentity("test", None, "test"),
        dagster_run_id="a run",
        regime_parameters_id=None,
    )
    return Deployments(at.ledger).deploy(request)


def released(at: SetUp, number: int = 0, source: str = "a broker") -> int:
    """Release candle `number`; when it closed, in µs."""
    opened_us = OPENED_US + number * HOUR_US
    release(at.ledger, *SERIES, [ClosedCandle(opened_us, 1.1, 1.101, 1.099, 1.1, 100.0)], source)
    return opened_us + HOUR_US


def deciding(monkeypatch, at: SetUp, deployment: Deployment, decide: Callable[[int], Decision]) -> None:
    """From now on a decision is what `decide` makes of a candle's close, and every artifact is what it was."""
    from fxgpt_core.market.costs import Costs
    from fxgpt_pipelines import live_recording

    ready = SimpleNamespace(
        parameters=PARAMETERS,
        costs=Costs(0.0001, 0.00002),
        inputs={},
        stored={"diffusion_model": at.lake.get(deployment.model_id)},
        others=(),
        timeframe=SERIES[1],
    )
    monkeypatch.setattr(live_recording, "deployed", lambda lake, ids: ready)
    monkeypatch.setattr(live_recording, "frame_of", lambda feed, ready: None)
    decided = lambda ready, frame, asked, **rest: SimpleNamespace(row=lambda _: decide(int(asked[-1])))  # noqa: E731
    monkeypatch.setattr(live_recording, "decisions_at", decided)


def wish(known_at_us: int, side: int = 1, **numbers: float) -> Decision:
    """A decision to trade."""
    return Decision(known_at_us, side, 0.002, 0.004, 0.01, "the forecast is up", {"close": 1.1, **numbers})


def _artifact(at: SetUp, asset: str, value: object | None = None) -> str:
    with at.lake.making(asset, *SERIES, {}, code_sha256="0" * 64, run_id="a run") as making:
        return making.write_json({"asset": asset} if value is None else value, {}).id
