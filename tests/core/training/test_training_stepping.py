"""A step is the same however its batch is cut: in micro-batches, after memory ran out, with a learning rate that restarts."""

from dataclasses import replace

import pytest
import torch
from training_examples import QUICK, SIZES, STILL, bytes_of, data, fitted, weights

from fxgpt_core.diffusion.model import DenoisingNetwork, untrained
from fxgpt_core.errors import NotReadyError
from fxgpt_core.training.memory import fitting, kept_bytes, largest_micro_batch
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.stepping import rate
from fxgpt_core.training.surroundings import Surroundings, TrainingProgress
from fxgpt_core.training.training_parameters import TrainingParameters


def far_apart(one: DenoisingNetwork, other: DenoisingNetwork) -> float:
    """How far the weights are from each other, over how far they went from the start.

    Rounding alone gives some thousandths: Adam divides by the size of a gradient, so where gradients of a batch cancel, what is
    left of them is rounding and moves a weight as far as any other.
    """
    apart = (weights(one) - weights(other)).norm() / (weights(one) - weights(untrained(STILL, 1))).norm()
    return float(apart)


def short_of_memory(fits: int, sizes=STILL) -> DenoisingNetwork:
    """A network for whose training memory holds so many windows at a time."""
    network = untrained(sizes, 1)

    def refuse(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if module.training and len(inputs[0]) > fits:
            raise torch.OutOfMemoryError(f"{len(inputs[0])} windows found, {fits} fit")

    network.register_forward_pre_hook(refuse)
    return network


@pytest.mark.parametrize("micro", [1, 5, 8])
def test_micro_batches_are_slices_of_the_same_batch(micro: int) -> None:
    whole, cut = (fitted(Surroundings(TrainPlan(micro_batch=size)), sizes=STILL) for size in (16, micro))
    assert 0.0 < far_apart(whole[0], cut[0]) < 0.01
    assert [p.training for p in cut[1]] == pytest.approx([p.training for p in whole[1]], rel=1e-5)


def test_with_dropout_micro_batches_draw_other_masks_but_always_the_same() -> None:
    whole, cut, again = (fitted(Surroundings(TrainPlan(micro_batch=size))) for size in (16, 8, 8))
    assert bytes_of(cut) == bytes_of(again)
    assert bytes_of(cut) != bytes_of(whole)


def test_when_memory_runs_out_the_same_batch_goes_on_in_parts_with_the_same_losses() -> None:
    told: list[str] = []
    plain = fitted(sizes=STILL)
    faulty = fitted(Surroundings(tell=told.append), network=short_of_memory(5))
    # 16 → 8 → 4 windows at a time: losses and weights agree with those of an undisturbed training to rounding of float32.
    assert far_apart(plain[0], faulty[0]) < 0.01
    assert [p.validation for p in faulty[1]] == pytest.approx([p.validation for p in plain[1]], rel=1e-5)
    parts = "memory ran out at step 1: the same batch of 16 goes on in parts of"
    assert told == [f"{parts} 8", f"{parts} 4"]


def test_a_training_that_runs_out_of_memory_is_that_of_the_smaller_micro_batch_bit_for_bit() -> None:
    planned = fitted(Surroundings(TrainPlan(micro_batch=4)))
    faulty = fitted(network=short_of_memory(4, SIZES))
    assert bytes_of(faulty) == bytes_of(planned)


def test_three_halvings_are_tried_and_no_more() -> None:
    assert fitted(network=short_of_memory(2)) is not None
    with pytest.raises(NotReadyError, match=r"step 1 with 2 windows at a time, after 3 halvings; use a smaller preset"):
        fitted(network=short_of_memory(1))
    with pytest.raises(NotReadyError, match="with 1 windows at a time, after 0 halvings"):
        fitted(Surroundings(TrainPlan(micro_batch=1)), network=short_of_memory(0))


def test_the_largest_micro_batch_is_found_by_doubling_up_to_four_fifths_of_memory() -> None:
    tried: list[int] = []

    def attempt(size: int) -> float:
        tried.append(size)
        return size / 100.0

    assert largest_micro_batch(attempt, 128) == 64
    assert tried == [8, 16, 32, 64, 128]
    assert largest_micro_batch(attempt, 48) == 48
    assert largest_micro_batch(lambda size: 0.0, 3) == 3


def test_an_attempt_that_runs_out_of_memory_is_one_too_many() -> None:
    def attempt(size: int) -> float:
        if size > 20:
            raise torch.OutOfMemoryError
        return 0.1

    assert largest_micro_batch(attempt, 512) == 16
    with pytest.raises(NotReadyError, match="memory does not hold 8 windows at a time; use a smaller preset"):
        largest_micro_batch(lambda size: 1.0, 512)


def test_on_a_processor_memory_is_what_the_passes_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    around = Surroundings(tell=told.append)
    network = untrained(SIZES, 1)
    before = weights(network).clone()
    assert fitting(around, network, data()[0], QUICK).plan.micro_batch == 16
    kept = kept_bytes(lambda: torch.nn.functional.silu(torch.ones(1000, requires_grad=True)).sum().backward())
    assert kept == 4000
    monkeypatch.setattr("fxgpt_core.training.memory.available_memory", lambda: 400_000)
    assert fitting(around, network, data()[0], QUICK).plan.micro_batch == 8
    assert told == ["memory holds 8 of 16 windows at a time; the batch of 16 is accumulated"]
    assert torch.equal(weights(network), before)
    assert all(weight.grad is None for weight in network.parameters())


def test_the_learning_rate_restarts_from_the_top_and_ends_at_zero() -> None:
    parameters = TrainingParameters(n_steps=110, warm_up_steps=10, restarts=1)
    rates = [rate(step, parameters) for step in range(111)]
    assert rates[10] == rates[60] == 1.0
    assert rates[35] == rates[85] == pytest.approx(0.5)
    assert rates[59] == pytest.approx(0.0, abs=2e-3)
    assert rates[110] == pytest.approx(0.0)


def test_progress_tells_validation_epoch_and_rate_and_nothing_of_a_device_that_has_no_sensor() -> None:
    told: list[TrainingProgress] = []
    result = fitted(Surroundings(progress=told.append))
    assert [one.validation for one in told] == [point.validation for point in result[1][1:]]
    assert told[-1].epoch == pytest.approx(8 * 16 / len(data()[0]))
    assert all(one.windows_per_s > 0.0 for one in told)
    assert {(one.device_percent, one.celsius) for one in told} == {(None, None)}


def test_it_stops_by_the_paired_difference_to_the_random_walk() -> None:
    parameters = replace(QUICK, n_steps=60, learning_rate=1.0, gradient_clip=1e9, patience=3, warm_up_steps=1)
    network, curve = fitted(parameters=parameters)
    assert [point.step for point in curve] == [0, 1, 2, 3]
    assert all(point.difference > 0.0 and point.standard_error > 0.0 for point in curve[1:])
    assert [p.validation - curve[0].validation for p in curve] == pytest.approx([p.difference for p in curve], rel=1e-5)
    assert torch.equal(weights(network), weights(untrained(SIZES, 1)))
    learning = fitted(parameters=replace(QUICK, n_steps=40))[1][-1]
    assert learning.difference < -2.0 * learning.standard_error
