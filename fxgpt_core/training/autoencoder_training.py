"""From candles to an anomaly model: what is usual, an autoencoder of normal history, and the threshold of its error."""

import math
import time
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import torch

from fxgpt_core import content_hash
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.networks.autoencoder import Autoencoder
from fxgpt_core.patterns.anomalies import AnomalyModel, Layer, reconstruction_errors
from fxgpt_core.patterns.anomaly_channels import CHANNELS
from fxgpt_core.training.acceleration import switches
from fxgpt_core.training.autoencoder_parameters import AutoencoderParameters
from fxgpt_core.training.autoencoder_windows import AutoencoderWindows, autoencoder_windows
from fxgpt_core.training.loop import REPORTS, end_where_asked, exhausted, require_finite
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.state import LossPoint, TrainingState, fresh
from fxgpt_core.training.stepping import average, rate
from fxgpt_core.training.surroundings import Surroundings, TrainingProgress, delayed_signals
from fxgpt_core.training.windows import evenly_spaced

FloatArray = npt.NDArray[np.float64]

VALIDATED = 1_024
_SEED_STRIDE = 1_000_003


@dataclass(frozen=True, eq=False)
class TrainedAutoencoder:
    """The model, losses on its way, windows, and the `errors` float64[V] of the validation windows that gave its threshold."""

    model: AnomalyModel
    losses: tuple[LossPoint, ...]
    data: AutoencoderWindows
    errors: FloatArray
    seconds: float
    device: str


def train_autoencoder(
    candles: CandleArrays,
    parameters: AutoencoderParameters,
    *,
    symbol: str,
    seed: int,
    surroundings: Surroundings | None = None,
) -> TrainedAutoencoder:
    """A model of the span it is given, and of nothing else: cut the span before the call.

    The same seed, candles and number of threads give the same weights on a processor, however often it was interrupted. Without
    `surroundings` it runs on the processor, from the start. Raises `BadInputError` for too few candles, and when the loss stops
    being a number; `NotReadyError` when it was asked to stop.
    """
    started, surroundings = time.monotonic(), surroundings or Surroundings(TrainPlan(threads=parameters.threads))
    data = autoencoder_windows(candles, parameters)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = Autoencoder(parameters.window, len(CHANNELS), parameters.hidden, parameters.latent)
    network, losses = _Fitting(network, data, parameters, seed, surroundings).fitted()
    layers = layers_of(network)
    errors = reconstruction_errors(data.inputs, data.validation, parameters.window, layers)
    threshold = threshold_of(errors, parameters.percentile)
    model = AnomalyModel(symbol, candles.timeframe, parameters.window, threshold, data.usual, layers)
    spent = time.monotonic() - started
    return TrainedAutoencoder(model, losses, data, errors, spent, surroundings.plan.device)


def threshold_of(errors: FloatArray, percentile: float) -> float:
    """The ⌈(V+1)·percentile/100⌉-th smallest of V errors: were windows exchangeable, the next would lie above it at most as often
    as that says (Vovk, Gammerman & Shafer 2005). Raises `BadInputError` for too few errors.
    """
    rank = math.ceil((len(errors) + 1) * percentile / 100.0)
    if rank > len(errors):
        raise BadInputError(
            f"{len(errors)} validation windows tell no percentile {percentile}; give a longer training span or a lower percentile"
        )
    return float(np.sort(errors)[rank - 1])


def layers_of(network: Autoencoder) -> tuple[Layer, ...]:
    """A network's weights as they are now, as plain arrays."""
    return tuple(
        Layer(np.ascontiguousarray(layer.weight.detach().numpy().T), layer.bias.detach().numpy().copy())
        for layer in network.linear_layers
    )


class _Fitting:
    """One training: its state and data on the plan's device, and whom it tells."""

    def __init__(
        self,
        network: Autoencoder,
        data: AutoencoderWindows,
        parameters: AutoencoderParameters,
        seed: int,
        surroundings: Surroundings,
    ) -> None:
        self.parameters, self.seed, self.surroundings = parameters, seed, surroundings
        device = surroundings.plan.device
        self.state: TrainingState[Autoencoder] = fresh(network, parameters, surroundings.plan)
        self.inputs = torch.from_numpy(np.nan_to_num(data.inputs)).to(device)
        self.normal, validation = (torch.from_numpy(rows).to(device) for rows in (data.normal, data.validation))
        self.validation = self._windows(validation[evenly_spaced(len(validation), VALIDATED)])
        self.every = max(1, parameters.n_steps // REPORTS)
        self.identity = content_hash.of_json({"parameters": asdict(parameters), "seed": seed, "data": data.sha256})
        self.started, self.first_step = time.monotonic(), 0

    def fitted(self) -> tuple[Autoencoder, tuple[LossPoint, ...]]:
        """The averaged weights with the lowest validation loss, and the losses."""
        state, snapshots, parameters = self.state, self.surroundings.snapshots, self.parameters
        with delayed_signals() as signalled, switches(self.surroundings.plan):
            self._begin()
            while state.step < parameters.n_steps and not exhausted(state.curve, parameters.patience):
                asked = signalled() or (snapshots is not None and snapshots.stop_file.exists())
                self._step()
                reported = state.step % self.every == 0 or state.step == parameters.n_steps
                if reported:
                    self._report()
                if snapshots and (reported or asked):
                    snapshots.put(self.identity, state.step, state.tensors(), state.facts())
                if asked:
                    end_where_asked(state, self.surroundings)
        return state.best.to("cpu"), tuple(state.curve)

    def _begin(self) -> None:
        snapshots, tell = self.surroundings.snapshots, self.surroundings.tell
        found = snapshots.latest(self.identity, tell) if snapshots else None
        if found is not None:
            self.state.restore(found)
            tell(f"resumed behind step {self.state.step} of {self.parameters.n_steps}, from its snapshot")
        else:
            loss = self._validation_loss()
            self.state.curve.append(LossPoint(0, loss, loss))
        self.first_step = self.state.step

    def _step(self) -> None:
        """One step; its batch depends on (seed, step) alone."""
        state, parameters, number = self.state, self.parameters, self.state.step + 1
        generator = torch.Generator(self.normal.device).manual_seed(self.seed * _SEED_STRIDE + number)
        chosen = torch.randint(len(self.normal), (parameters.batch,), generator=generator, device=self.normal.device)
        windows = self._windows(self.normal[chosen])
        state.optimizer.zero_grad(set_to_none=True)
        loss = ((state.network(windows) - windows) ** 2).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), parameters.gradient_clip)
        for group in state.optimizer.param_groups:
            group["lr"] = parameters.learning_rate * rate(state.step, parameters)
        state.optimizer.step()
        average(state.averaged, state.network, min(parameters.ema_decay, (1.0 + number) / (10.0 + number)))
        state.total += loss.detach()
        state.step = number

    def _report(self) -> None:
        state, before = self.state, self.state.curve[-1]
        mean, validation = float(state.total) / (state.step - before.step), self._validation_loss()
        state.curve.append(LossPoint(state.step, mean, validation, validation - state.curve[0].validation))
        state.total.zero_()
        require_finite(state.curve[-1], self.parameters)
        if min(state.curve, key=lambda point: point.difference) is state.curve[-1]:
            state.best.load_state_dict(state.averaged.state_dict())
        spent, done, batch = time.monotonic() - self.started, state.step - self.first_step, self.parameters.batch
        self.surroundings.progress(
            TrainingProgress(
                step=state.step,
                n_steps=self.parameters.n_steps,
                loss=mean,
                seconds=spent,
                seconds_left=spent / done * (self.parameters.n_steps - state.step),
                validation=validation,
                epoch=state.step * batch / len(self.normal),
                windows_per_s=done * batch / spent,
            )
        )

    @torch.no_grad()
    def _validation_loss(self) -> float:
        return float(((self.state.averaged(self.validation) - self.validation) ** 2).mean())

    def _windows(self, ends: torch.Tensor) -> torch.Tensor:
        """float32[B,W,C]: the windows that end at these rows."""
        lags = torch.arange(1 - self.parameters.window, 1, device=ends.device)
        return self.inputs[ends[:, None] + lags]
