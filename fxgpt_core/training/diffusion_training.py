"""From candles and features to a model: choose columns, fit scaler and season, train the members, choose the shrinkage."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.diffusion.model import (
    DenoisingNetwork,
    DiffusionModel,
    FeatureScaler,
    input_names,
    network_inputs,
    require_same_rows,
    untrained,
)
from fxgpt_core.diffusion.paths import sampler_of
from fxgpt_core.diffusion.shape import Shape
from fxgpt_core.errors import BadInputError
from fxgpt_core.features.labels import labels
from fxgpt_core.features.matrix import FEATURES
from fxgpt_core.features.selection import SMALLEST_DEVIATION, Selection, SelectionParameters, select_features
from fxgpt_core.forecasts.horizons import horizon_parts, longest_step, token_candles
from fxgpt_core.forecasts.relative_volatility import known_volatility
from fxgpt_core.forecasts.volatility import fit_volatility
from fxgpt_core.forecasts.volatility_regression import VolatilityRegression
from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_core.training.dispersion import earlier_scores, fit_dispersion
from fxgpt_core.training.distributed import fit_together
from fxgpt_core.training.loop import Fitted, fit_in
from fxgpt_core.training.memory import fitting
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.shrinkage import SAMPLING, Evidence, Shrinkage, chosen_shrinkage
from fxgpt_core.training.state import LossPoint
from fxgpt_core.training.surroundings import Surroundings, TrainingProgress
from fxgpt_core.training.training_parameters import TrainingParameters
from fxgpt_core.training.windows import Windows, windows

# The month tells a network where in a short history it is, and nothing that holds beyond it: what a column told there would not
# find that out. And a spread is known of some histories, but of no live candle yet.
NO_CANDIDATES = ("month_sin", "month_cos", "spread", "spread_ratio")
MEMBER_STRIDE = 7_919
CANDIDATES = tuple(name for name in FEATURES if name not in NO_CANDIDATES)


@dataclass(frozen=True)
class TrainedModel:
    """The model with the best averaged weights, and how it came to be.

    `selection` of its columns, losses by step of each member, the shrinkage, the number of windows, seconds of it all, the device
    it ran on.
    """

    model: DiffusionModel
    selection: Selection
    losses: tuple[tuple[LossPoint, ...], ...]
    shrinkage: Shrinkage
    n_windows: int
    seconds: float
    device: str

    @property
    def n_weights(self) -> int:
        """How many weights its networks have."""
        return sum(weight.numel() for member in self.model.members for weight in member.parameters())


def train(
    features: pl.DataFrame,
    candles: CandleArrays,
    parameters: TrainingParameters,
    *,
    symbol: str,
    seed: int,
    surroundings: Surroundings | None = None,
) -> TrainedModel:
    """A model of the span it is given, and of nothing else: cut the span before the call.

    `features` are the rows of `candles`, with the columns of `CANDIDATES`. Columns, scaler, season and weights are fitted here.
    The same seed, data and number of threads give the same weights on a processor, however often it was interrupted. Without
    `surroundings` it runs on the processor, from the start. Raises `BadInputError` for a span without a training window or with
    too few rows to choose columns by, and when the loss stops being a number; `NotReadyError` when memory is too small or it was
    asked to stop.
    """
    require_same_rows(features, candles)
    started, surroundings = time.monotonic(), surroundings or Surroundings(TrainPlan(threads=parameters.threads))
    volatility = fit_volatility(candles, daily_break_minutes=symbol_of(symbol).daily_break_minutes)
    selection = _selected(features, candles, parameters, seed, volatility.daily_break_minutes)
    scaler = fit_scaler(features, selection.names)
    inputs = network_inputs(scaler, features, known_volatility(candles, volatility).relative)
    data = windows(inputs, candles, volatility, parameters.context)
    shape, regression, parts = _normal_parts(data, parameters)
    sizes = parameters.network(len(input_names(scaler)), len(token_candles(candles.timeframe)))
    surroundings = fitting(surroundings, untrained(sizes, seed), parts[0], parameters)

    def fit(_: int, own_seed: int, own: Surroundings) -> Fitted:
        return fit_together(sizes, parts, parameters, seed=own_seed, surroundings=own)

    members, losses = _each_member(fit, parameters.members, seed, surroundings)
    model = DiffusionModel(
        symbol=symbol,
        timeframe=str(candles.timeframe),
        members=members,
        shrink={},
        lean={},
        parameters=sizes,
        schedule=parameters.schedule,
        scaler=scaler,
        volatility=volatility,
        regression=regression,
        shape=shape,
        seed=seed,
        training=asdict(parameters),
    )
    model, shrinkage = _believed(model, data, parts[1], parameters)
    spent = time.monotonic() - started
    return TrainedModel(model, selection, losses, shrinkage, len(data), spent, surroundings.plan.device)


def tuned(
    start: DiffusionModel,
    features: pl.DataFrame,
    candles: CandleArrays,
    parameters: TrainingParameters,
    *,
    seed: int,
    surroundings: Surroundings | None = None,
) -> DiffusionModel:
    """`start`, trained on with a longer span by these steps and rates: its columns, scaler and sizes stay as they are.

    Season, regression, shape, weights and shrinkage are fitted again; the weights are the old ones where nothing was better.
    Raises what `train` raises.
    """
    surroundings = surroundings or Surroundings(TrainPlan(threads=parameters.threads))
    volatility = fit_volatility(candles, daily_break_minutes=start.volatility.daily_break_minutes)
    inputs = replace(start, volatility=volatility).inputs(features, candles)
    data = windows(inputs, candles, volatility, start.parameters.context)
    shape, regression, parts = _normal_parts(data, parameters)

    def tune(member: int, own_seed: int, own: Surroundings) -> Fitted:
        network = copy.deepcopy(start.members[member]).requires_grad_(True)
        return fit_in(network, parts, parameters, seed=own_seed, surroundings=own)

    members, _ = _each_member(tune, len(start.members), seed, surroundings)
    model = replace(
        start,
        members=members,
        shape=shape,
        regression=regression,
        volatility=volatility,
        seed=seed,
        training=asdict(parameters),
    )
    return _believed(model, data, parts[1], parameters)[0]


def _believed(
    model: DiffusionModel, data: Windows, validation: Windows, parameters: TrainingParameters
) -> tuple[DiffusionModel, Shrinkage]:
    """The model, believed as far as validation windows choose, and `data` before them."""
    parts = horizon_parts(timeframe_of(model.timeframe))
    whole = dict.fromkeys(parts, 1.0)
    sampler = sampler_of(replace(model, shrink=whole, lean=whole), SAMPLING)
    earlier = earlier_scores(data, parameters.validation_share, parts)
    evidence = Evidence(validation, model.regression, earlier, parameters.drift_evidence)
    chosen = chosen_shrinkage(sampler, evidence, parts, model.seed)
    return replace(model, shrink=chosen.shrink, lean=chosen.lean), chosen


def _normal_parts(data: Windows, parameters: TrainingParameters) -> tuple[Shape, VolatilityRegression, tuple[Windows, Windows]]:
    """Shape and regression of the training windows, and training and validation windows whose targets are normal by them."""
    shape, regression = fit_dispersion(data.divided(parameters.validation_share)[0])
    return shape, regression, data.regressed(regression).shaped(shape).divided(parameters.validation_share)


def _each_member(
    fit: Callable[[int, int, Surroundings], Fitted], members: int, seed: int, surroundings: Surroundings
) -> tuple[tuple[DenoisingNetwork, ...], tuple[tuple[LossPoint, ...], ...]]:
    """The networks of an ensemble and their losses, one after the other: `fit` of member, its own seed and surroundings."""
    fitted = []
    for member in range(members):

        def tell(one: TrainingProgress, before: int = member) -> None:
            surroundings.progress(_of_all(one, before, members))

        kept = surroundings.snapshots and surroundings.snapshots.part(f"member_{member}")
        fitted.append(fit(member, seed + member * MEMBER_STRIDE, replace(surroundings, progress=tell, snapshots=kept)))
    return tuple(network for network, _ in fitted), tuple(losses for _, losses in fitted)


def _of_all(one: TrainingProgress, before: int, members: int) -> TrainingProgress:
    """The progress of one member as that of all of them, `before` of which are done."""
    later = (members - 1 - before) * (one.seconds + one.seconds_left)
    return replace(
        one, step=before * one.n_steps + one.step, n_steps=members * one.n_steps, seconds_left=one.seconds_left + later
    )


def fit_scaler(features: pl.DataFrame, columns: Sequence[str]) -> FeatureScaler:
    """Mean and standard deviation of feature columns over a training span; rows that lack one of them do not count.

    A column that never varied there has an infinite deviation, so that it stays 0 whatever comes: the network has not
    learned what it means. Raises `BadInputError` when no row is complete.
    """
    values = features.select(columns).to_numpy()
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) == 0:
        raise BadInputError(f"none of the {features.height} feature rows is complete; give a span longer than the warm-up")
    deviation = values.std(axis=0)
    return FeatureScaler(tuple(columns), values.mean(axis=0), np.where(deviation < SMALLEST_DEVIATION, np.inf, deviation))


def _selected(features: pl.DataFrame, candles: CandleArrays, parameters: TrainingParameters, seed: int, pause: int) -> Selection:
    """The columns to train on, from the rows before the validation windows: these are to judge the weights, and chose nothing.

    `pause`: the market's daily break in minutes.
    """
    stop = max(0, int(len(candles) * (1.0 - parameters.validation_share)) - longest_step(candles.timeframe))
    span = candles.slice(0, stop)
    known = labels(span, fit_volatility(span, daily_break_minutes=pause))
    wanted = SelectionParameters(n_features=parameters.n_features)
    return select_features(features.head(stop), known, CANDIDATES, wanted, seed=seed)
