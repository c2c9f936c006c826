"""From a deployment and its candles to decisions: the one path that the live job and the adherence check both take.

It is here and not in fxgpt_core/live, because that room never loads torch and a forecast needs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_pipelines.live_forecasts import live_forecasts
from fxgpt_pipelines.reading import forecasts_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from fxgpt_core.conformal.calibration import Calibration
    from fxgpt_core.diffusion.forecaster import DiffusionForecaster
    from fxgpt_core.diffusion.quantile_head_forecaster import QuantileHeadForecaster
    from fxgpt_core.forecasts.forecast import Forecasts
    from fxgpt_core.market.costs import Costs
    from fxgpt_core.optimization.made_components import Used
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Lake
    from fxgpt_core.strategy.decision import Decisions
    from fxgpt_core.strategy.parameters import StrategyParameters
    from fxgpt_core.strategy.regime_sets import Strategy

ROLES = ("candles", "diffusion_model", "forecasts", "calibration_quantiles")


@dataclass(frozen=True)
class DeployedIds:
    """The artifacts a deployment rests on, by id, and in which mode it takes its parameter set."""

    parameter_set_id: str
    model_id: str
    calibration_id: str
    mode: str = "global"


@dataclass(frozen=True, eq=False)
class Deployed:
    """A deployment made ready to decide: every artifact read and its bytes verified.

    `history`: the stored candles that were known at deployment, `features` those of them, `forecasts` those behind training;
    `used`: its components, `stored` what they and the forecasts were made with; `inputs`: artifact id and hash by role.
    """

    symbol: str
    timeframe: str
    history: "pl.DataFrame"
    features: "pl.DataFrame"
    forecasts: "Forecasts"
    forecaster: "DiffusionForecaster | QuantileHeadForecaster"
    seed: int
    calibration: "Calibration"
    parameters: "Strategy"
    costs: "Costs"
    used: "Used"
    stored: "Mapping[str, Artifact]"
    inputs: Mapping[str, Mapping[str, str]]

    @property
    def others(self) -> tuple[str, ...]:
        """The symbols that share the capital with this one."""
        from fxgpt_core.optimization.made_components import others_of

        return others_of(self.used.parts, self.symbol, self.stored)


def deployed(lake: "Lake", ids: DeployedIds) -> Deployed:
    """Read a deployment's artifacts, by id and not by "latest": what was approved is what decides.

    Raises `CorruptArtifactError` when bytes changed, `RefusedError` when calibration and model do not belong together, and as
    `strategy_of`.
    """
    from fxgpt_core.conformal.calibration import Calibration
    from fxgpt_core.market.costs import Costs
    from fxgpt_core.optimization.made_components import Used, read_parts
    from fxgpt_core.strategy.regime_sets import strategy_of
    from fxgpt_pipelines.forecasting import forecaster_of

    parameter_set = lake.get(ids.parameter_set_id)
    edges = {edge.role: edge.parent for edge in lake.inputs(parameter_set.id)}
    proposal = parameter_set.json()
    used = Used.of_proposal(proposal)
    parts = read_parts(used.parts, parameter_set.symbol, lambda asset, symbol=None, role=None: edges[role or asset])
    read = {"optimized_parameters": parameter_set} | {role: edges[role] for role in ROLES} | parts
    model, forecasts = lake.get(ids.model_id), read["forecasts"]
    behind = {edge.role: edge.parent for edge in lake.inputs(forecasts.id)}
    features, calibration_artifact = behind["features"], lake.get(ids.calibration_id)
    read |= {"diffusion_model": model, "features": features, "calibration_quantiles": calibration_artifact}
    read |= {role: artifact for role, artifact in behind.items() if role == "quantile_head"}
    forecaster = forecaster_of(forecasts.settings, model, behind.get("quantile_head"))
    calibration = Calibration.from_json(calibration_artifact.bytes().decode())
    calibration.require(model.sha256, forecaster.sampling_sha256)
    return Deployed(
        symbol=parameter_set.symbol,
        timeframe=parameter_set.timeframe,
        history=read["candles"].frame(),
        features=features.frame(),
        forecasts=forecasts_of(forecasts),
        forecaster=forecaster,
        seed=int(forecasts.settings["seed"]),
        calibration=calibration,
        parameters=strategy_of(proposal, ids.mode),
        costs=Costs(**proposal["costs"]),
        used=used,
        stored=read,
        inputs={role: {"id": artifact.id, "sha256": artifact.sha256} for role, artifact in sorted(read.items())},
    )


def decisions_at(
    deployed: Deployed,
    live_candles: "pl.DataFrame",
    known_at_us: "npt.NDArray[np.int64]",
    cache: "Path | None" = None,
    others: "Mapping[str, pl.DataFrame] | None" = None,
) -> "Decisions":
    """The decisions at every candle of history and live candles; only the closes `known_at_us` [N], ascending, have a band.

    `live_candles` follow the history, whose features and forecasts are those that were stored; only the live candles' are
    computed, and those of earlier live candles, which the calibration learns from, taken from the folder `cache` where they were
    computed before (None: all again). `others` are live candles of the symbols that share the capital. Bit-equal whether one
    candle is asked or all of them, and whatever comes later: features and components are causal, and always continued from the
    same row; a forecast depends on seed and candles up to its own; the calibration learns in the order of time; `decide` is
    elementwise. Where the deployment has sets by regime, that of the regime at each candle decides there.
    """
    import numpy as np

    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.conformal.bands import bands_behind
    from fxgpt_core.features.incremental import extended
    from fxgpt_core.forecasts.forecast import joined
    from fxgpt_core.strategy.decision import decide
    from fxgpt_core.strategy.regime_sets import RegimeSets, decided_by_regime
    from fxgpt_core.strategy.view import market_view
    from fxgpt_pipelines.live_components import live_components

    timeframe = timeframe_of(deployed.timeframe)
    frame = continued(deployed, live_candles)
    candles = candle_arrays(frame, timeframe)
    features = extended(deployed.features, frame, timeframe)
    live = live_forecasts(deployed, features, candles, np.searchsorted(candles.known_at_us, known_at_us), cache)
    bands = bands_behind(deployed.calibration, joined([deployed.forecasts, live]), candles)
    components = live_components(deployed, candles, others or {})
    asked = bands.select(np.isin(bands.known_at_us, known_at_us))

    def decided(parameters: "StrategyParameters") -> "Decisions":
        return decide(market_view(candles, asked, parameters, components), parameters, deployed.costs)

    if isinstance(deployed.parameters, RegimeSets):
        return decided_by_regime(deployed.parameters, components.regime, decided)
    return decided(deployed.parameters)


def continued(deployed: Deployed, live_candles: "pl.DataFrame") -> "pl.DataFrame":
    """History and live candles as one checked series.

    Raises `CandleSchemaError` when they do not fit together, `RefusedError` when a stretch of open market is missing in
    between or inside: features and volatility would take candles for neighbours that are days apart.
    """
    import polars as pl

    from fxgpt_core.candles.schema import candle_columns, check_candles

    # Diagonally: one part of a series may know its spread and another not.
    parts = [frame.select(candle_columns(frame)) for frame in (deployed.history, live_candles)]
    joined = pl.concat(parts, how="diagonal")
    checked = check_candles(joined, timeframe_of(deployed.timeframe))
    _require_no_hole(checked["open_time"][deployed.history.height - 1 :], deployed)
    return checked


def _require_no_hole(open_times: "pl.Series", deployed: Deployed) -> None:
    import numpy as np

    from fxgpt_core.errors import RefusedError
    from fxgpt_core.market.sessions import LONGEST_CLOSURE, closure_before_us
    from fxgpt_core.market.timeframes import HOUR_US

    missing_us = closure_before_us(open_times.to_physical().to_numpy(), timeframe_of(deployed.timeframe))
    longest = int(np.argmax(missing_us))
    hours, allowed = missing_us[longest] / HOUR_US, LONGEST_CLOSURE.total_seconds() / 3600
    if hours > allowed:
        raise RefusedError(
            f"{hours:.0f} hours of open market are missing between the {deployed.symbol} {deployed.timeframe} candles of "
            f"{open_times[longest - 1]} and {open_times[longest]}; at most {allowed:.0f} (holidays) may be: release "
            "those in between, or optimize and deploy on newer candles"
        )
