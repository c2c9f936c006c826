"""The head learns what its model's paths say, is believed as far as it helps, and is stored without loss."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from forecast_examples import SMALL, diffusion, model_of, real_candles, real_features
from torch import nn

from fxgpt_core import content_hash
from fxgpt_core.diffusion.model import DiffusionModel, untrained
from fxgpt_core.diffusion.quantile_head_forecaster import DistilledHead
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.errors import BadInputError, CorruptArtifactError, RefusedError
from fxgpt_core.forecasts.forecast import LEVELS
from fxgpt_core.training.checkpoints import model_bytes
from fxgpt_core.training.distillation import Distillation, DistillationParameters, distil
from fxgpt_core.training.quantile_head_file import head_bytes, head_of_bytes
from fxgpt_core.training.windows import Windows, windows

PARAMETERS = DistillationParameters(n_origins=120, hidden=16, n_steps=300, batch=16, learning_rate=2e-2)
SAMPLING = SamplingParameters(n_paths=64, n_steps=1)
MEDIAN = LEVELS.tolist().index(0.5)


class Drifting(nn.Module):
    """What says v = −drift at any noise level: one Euler step over a quarter turn adds drift · π/2 to each token."""

    def __init__(self, drift: float) -> None:
        super().__init__()
        self.drift = nn.Parameter(torch.tensor(drift), requires_grad=False)

    def forward(self, path: torch.Tensor, angle: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        return (-self.drift).expand_as(path)


def teacher(shift: float) -> DiffusionModel:
    """A model whose every increment is `shift` deviations above the random walk's."""
    network = untrained(SMALL, 1)
    network.denoiser = Drifting(shift / (np.pi / 2.0))
    return model_of(network)


@cache
def data() -> Windows:
    model = teacher(0.0)
    return windows(model.inputs(real_features(), real_candles()), real_candles(), model.volatility, SMALL.context)


def with_drift(drift: float) -> Windows:
    noise = torch.randn(data().targets.shape, generator=torch.Generator().manual_seed(0))
    return replace(data(), targets=noise + drift)


@cache
def taught(shift: float, drift: float, seed: int = 3) -> Distillation:
    return distil(teacher(shift), with_drift(drift), SAMPLING, PARAMETERS, seed=seed)


def test_the_head_says_what_the_paths_say_to_a_tenth_of_their_distance_from_the_random_walk() -> None:
    found = taught(0.3, 0.3)
    assert found.error < 0.1 * found.error_of_walk
    quantiles = found.head.quantiles(data().context_of(900))
    # By hand: each candle moves by 0.3 of its own deviation, over the deviation of their sum.
    ahead = data().ahead[900].numpy()[:24]
    assert quantiles[23, MEDIAN] == pytest.approx(0.3 * ahead.sum() / np.sqrt((ahead**2).sum()), rel=0.1)
    assert quantiles[0, MEDIAN] == pytest.approx(0.3, rel=0.1)


def test_a_head_of_a_model_that_is_right_is_believed_and_of_one_that_is_wrong_is_the_random_walk() -> None:
    right, wrong = taught(0.3, 0.3), taught(0.3, -0.3)
    assert right.head.shrink == 1.0
    assert wrong.head.shrink == 0.0
    for found in (right, wrong):
        scores = dict(found.crps)
        assert scores[found.head.shrink] == min(scores.values()) <= scores[0.0]
    assert right.crps_of_model == pytest.approx(dict(right.crps)[1.0], rel=0.02)


def test_of_a_model_that_says_nothing_the_head_says_nothing() -> None:
    found = taught(0.0, 0.0)
    assert found.error_of_walk < 1e-6
    assert found.error <= found.error_of_walk


def test_the_temperature_of_the_sampler_is_what_the_head_stands_for() -> None:
    hot = distil(teacher(0.0), with_drift(0.0), replace(SAMPLING, temperature=1.5), PARAMETERS, seed=3)
    network = replace(hot.head, shrink=1.0)
    assert network.quantiles(data().context_of(900))[5, -1] == pytest.approx(1.5 * 1.95996, rel=0.05)
    assert hot.head.sampling.temperature == 1.5


def test_the_same_seed_gives_the_same_head_and_another_another_and_the_random_state_is_left() -> None:
    state = torch.random.get_rng_state()
    one, other = (distil(teacher(0.3), with_drift(0.3), SAMPLING, PARAMETERS, seed=seed) for seed in (3, 4))
    assert torch.equal(state, torch.random.get_rng_state())
    assert one.head.sha256 == taught(0.3, 0.3).head.sha256 != other.head.sha256
    assert one.head.model_sha256 == content_hash.of_bytes(model_bytes(teacher(0.3)))


def test_held_out_windows_lie_behind_the_taught_ones_and_progress_counts_both() -> None:
    told: list[tuple[int, int]] = []
    small = replace(PARAMETERS, n_steps=1, n_origins=40)
    found = distil(teacher(0.0), data(), SAMPLING, small, seed=1, progress=lambda done, total: told.append((done, total)))
    assert told == [(n, 40) for n in range(1, 41)]
    assert found.n_held_out == 8


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"n_steps": 0}, {"batch": 0}, {"held_out_share": 1.0}, {"n_origins": 1}])
def test_parameters_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInputError, match="origins at least 2"):
        replace(PARAMETERS, **wrong)


@cache
def stored() -> tuple[DistilledHead, bytes]:
    head = taught(0.3, 0.3).head
    return head, head_bytes(head, SMALL)


def read(data: bytes, model_sha256: str | None = None) -> DistilledHead:
    return head_of_bytes(data, content_hash.of_bytes(data), model_sha256 or stored()[0].model_sha256, "h")


def test_a_stored_head_is_the_same_and_so_are_its_bytes() -> None:
    head, written = stored()
    again = read(written)
    assert again.sha256 == head.sha256
    assert head_bytes(again, SMALL) == written
    context = data().context_of(700)
    assert again.quantiles(context).tobytes() == head.quantiles(context).tobytes()
    assert not again.network.training


def test_a_head_of_another_model_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"was distilled from model .*, asked is 1111.*; materialize quantile_head again"):
        read(stored()[1], "1" * 64)


def test_changed_bytes_and_files_that_are_no_head_are_refused() -> None:
    written = stored()[1]
    changed = written[:-1] + bytes([written[-1] ^ 1])
    with pytest.raises(CorruptArtifactError, match="its bytes were changed"):
        head_of_bytes(changed, content_hash.of_bytes(written), "0" * 64, "h")
    of_model = model_bytes(diffusion().model)
    for broken in (b"", written[:200], of_model, written.replace(b"fxgpt-quantile-head-1", b"fxgpt-quantile-head-0")):
        with pytest.raises(CorruptArtifactError, match="is not a whole fxgpt-quantile-head-1 head"):
            read(broken)
