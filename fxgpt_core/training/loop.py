"""The training loop, readable from top to bottom."""

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
import torch

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.diffusion.loss import velocity_loss
from fxgpt_core.diffusion.model import DenoisingNetwork, DiffusionModel, FeatureScaler, untrained
from fxgpt_core.errors import BadInputError
from fxgpt_core.features.labels import labels
from fxgpt_core.features.matrix import FEATURES
from fxgpt_core.features.selection import SMALLEST_DEVIATION, Selection, SelectionParameters, select_features
from fxgpt_core.forecasts.volatility import fit_volatility
from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_core.networks.temporal_unet import N_TOKENS, NetworkParameters
from fxgpt_core.training.preset import TrainingParameters
from fxgpt_core.training.windows import Windows, windows

REPORTS = 60
VALIDATION_BATCH = 512
# The month tells a network where in a short history it is, and nothing that holds beyond it: what a column told there would not
# find that out. And a spread is known of some histories, but of no live candle yet.
NO_CANDIDATES = ("month_sin", "month_cos", "spread", "spread_ratio")
CANDIDATES = tuple(name for name in FEATURES if name not in NO_CANDIDATES)
_SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class TrainingProgress:
    """Where the loop is: `loss` is the mean since the last report; an untrained network has a loss near 1."""

    step: int
    n_steps: int
    loss: float
    seconds: float
    seconds_left: float


@dataclass(frozen=True)
class LossPoint:
    """Mean training loss since the last point, and the validation loss of the averaged weights; step 0 is before training."""

    step: int
    training: float
    validation: float


@dataclass(frozen=True)
class TrainedModel:
    """The model with the best averaged weights, and how it came to be.

    `selection` of its columns, losses by step, numbers of windows and of weights, seconds of it all, the device it ran on.
    """

    model: DiffusionModel
    selection: Selection
    losses: tuple[LossPoint, ...]
    n_windows: int
    n_weights: int
    seconds: float
    device: str


def train(
    features: pl.DataFrame,
    candles: CandleArrays,
    parameters: TrainingParameters,
    *,
    symbol: str,
    seed: int,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
) -> TrainedModel:
    """A model of the span it is given, and of nothing else: cut the span before the call.

    `features` are the rows of `candles`, with the columns of `CANDIDATES`. Columns, scaler, season and weights are fitted here.
    The same seed, data and number of threads give the same weights. Raises `BadInputError` for a span without a training window
    or with too few rows to choose columns by, and when the loss stops being a number.
    """
    if features.height != len(candles):
        raise BadInputError(f"{features.height} feature rows for {len(candles)} candles; compute them from the same candles")
    started = time.monotonic()
    pause = symbol_of(symbol).daily_break_minutes
    volatility = fit_volatility(candles, daily_break_minutes=pause)
    selection = _selected(features, candles, parameters, seed, pause)
    scaler = fit_scaler(features, selection.names)
    data = windows(scaler.scaled(features), candles, volatility, parameters.context)
    sizes = NetworkParameters(
        n_inputs=len(scaler.columns),
        context=parameters.context,
        width=parameters.width,
        embedding=parameters.embedding,
        dropout=parameters.dropout,
    )
    network, losses = _fitted(untrained(sizes, seed), data, parameters, seed, progress)
    model = DiffusionModel(
        symbol=symbol,
        timeframe=str(candles.timeframe),
        network=network,
        parameters=sizes,
        schedule=parameters.schedule,
        scaler=scaler,
        volatility=volatility,
        seed=seed,
        training=asdict(parameters),
    )
    weights = list(network.parameters())
    n_weights = sum(weight.numel() for weight in weights)
    return TrainedModel(model, selection, losses, len(data), n_weights, time.monotonic() - started, str(weights[0].device))


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
    stop = max(0, int(len(candles) * (1.0 - parameters.validation_share)) - N_TOKENS)
    span = candles.slice(0, stop)
    known = labels(span, fit_volatility(span, daily_break_minutes=pause))
    wanted = SelectionParameters(n_features=parameters.n_features)
    return select_features(features.head(stop), known, CANDIDATES, wanted, seed=seed)


def _fitted(
    network: DenoisingNetwork,
    data: Windows,
    parameters: TrainingParameters,
    seed: int,
    progress: Callable[[TrainingProgress], None],
) -> tuple[DenoisingNetwork, tuple[LossPoint, ...]]:
    """The best averaged network by validation loss. A step's batch, noise and dropout depend on (seed, step) alone."""
    training, validation = data.divided(parameters.validation_share)
    averaged = copy.deepcopy(network).requires_grad_(False).eval()
    best = copy.deepcopy(averaged)
    optimizer = _optimizer(network, parameters)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, parameters))
    report_every = max(1, parameters.n_steps // REPORTS)
    total, started = torch.zeros(()), time.monotonic()
    with _torch_state(parameters.threads):
        # The untrained network is a candidate as well: it is the random walk, and it may be the best there is.
        untrained_losses = (_validation_loss(averaged, part, parameters, seed) for part in (training, validation))
        curve = [LossPoint(0, *untrained_losses)]
        network.train()
        for step in range(1, parameters.n_steps + 1):
            total += _step(network, optimizer, training, parameters, seed * _SEED_STRIDE + step)
            schedule.step()
            _average(averaged, network, min(parameters.ema_decay, (1.0 + step) / (10.0 + step)))
            if step % report_every and step < parameters.n_steps:
                continue
            since = step - curve[-1].step
            curve.append(LossPoint(step, float(total) / since, _validation_loss(averaged, validation, parameters, seed)))
            total.zero_()
            _require_finite(curve[-1], parameters)
            spent = time.monotonic() - started
            progress(
                TrainingProgress(step, parameters.n_steps, curve[-1].training, spent, spent / step * (parameters.n_steps - step))
            )
            if min(curve, key=_validation) is curve[-1]:
                best.load_state_dict(averaged.state_dict())
            elif len(curve) - curve.index(min(curve, key=_validation)) > parameters.patience:
                break
    return best, tuple(curve)


def _require_finite(point: LossPoint, parameters: TrainingParameters) -> None:
    if not (math.isfinite(point.training) and math.isfinite(point.validation)):
        raise BadInputError(
            f"training diverged at step {point.step} (loss {point.training}); learning_rate is {parameters.learning_rate}; "
            "use a lower one"
        )


def _validation(point: LossPoint) -> float:
    return point.validation


@contextmanager
def _torch_state(threads: int) -> Iterator[None]:
    """Torch with so many threads and a random state of its own; both are put back."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def _validation_loss(network: DenoisingNetwork, data: Windows, parameters: TrainingParameters, seed: int) -> float:
    """Loss on the same windows at the same noise every time, so that two networks are compared pair by pair."""
    generator = torch.Generator().manual_seed(seed)
    contexts, clean = data.batch(VALIDATION_BATCH, generator)
    return float(velocity_loss(network, clean, contexts, parameters.schedule, generator))


def _step(
    network: DenoisingNetwork, optimizer: torch.optim.Optimizer, data: Windows, parameters: TrainingParameters, seed: int
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    torch.default_generator.manual_seed(seed)  # dropout has no generator argument; the caller restores the state
    contexts, clean = data.batch(parameters.batch, generator)
    optimizer.zero_grad(set_to_none=True)
    loss = velocity_loss(network, clean, contexts, parameters.schedule, generator)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), parameters.gradient_clip)
    optimizer.step()
    return loss.detach()


def _optimizer(network: DenoisingNetwork, parameters: TrainingParameters) -> torch.optim.AdamW:
    # Decay is for weight matrices; on biases, norms and places it only pulls the model off its random-walk start.
    matrices = [weight for weight in network.parameters() if weight.ndim > 1]
    vectors = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": parameters.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=parameters.learning_rate, betas=(0.9, 0.99))


def _rate(step: int, parameters: TrainingParameters) -> float:
    """Share of the learning rate: linear warm-up, then a cosine to zero."""
    if step < parameters.warm_up_steps:
        return (step + 1) / parameters.warm_up_steps
    done = (step - parameters.warm_up_steps) / max(1, parameters.n_steps - parameters.warm_up_steps)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


@torch.no_grad()
def _average(averaged: DenoisingNetwork, network: DenoisingNetwork, decay: float) -> None:
    """Exponential moving average of the weights; the early decay is lower, so that the start is forgotten."""
    torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1.0 - decay)
