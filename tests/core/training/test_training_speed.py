"""The benchmark of the training loop: both loops train the same network, learn, and are counted in the same windows."""

import json
from dataclasses import replace

import pytest
import torch
from training_examples import QUICK, weights

from benchmarks import training_speed
from fxgpt_core.diffusion.model import untrained
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.preview import made_up
from fxgpt_core.training.state import fresh

SMALL = replace(QUICK, n_features=4, batch=32, n_steps=200, warm_up_steps=1, validation_share=0.3)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_speed, "LARGE_BATCH", 64)
    monkeypatch.setattr(training_speed, "MOST_STEPS", 150)
    monkeypatch.setattr(training_speed, "LOSS_SHARE", 0.998)
    monkeypatch.setattr(training_speed, "JUDGED_EVERY", 10)
    monkeypatch.setattr(training_speed, "preset", lambda name: SMALL)


def test_an_item_of_the_naive_data_set_is_the_window_that_the_loop_gathers() -> None:
    data = made_up(SMALL, training_speed.Timeframe.H1, 400)
    context, target = training_speed.SingleWindows(data)[7]
    assert torch.equal(context, data.contexts(torch.tensor([7]))[0])
    assert torch.equal(target, data.targets[7])


def test_both_loops_learn_until_the_same_loss() -> None:
    found = training_speed.to_equal_loss(SMALL, TrainPlan(micro_batch=32), 600)
    assert found["ours_s_to_loss"] > 0.0
    assert found["naive_s_to_loss"] > 0.0
    assert found["ratio_to_loss"] == pytest.approx(found["naive_s_to_loss"] / found["ours_s_to_loss"])


def test_both_loops_move_the_average_of_the_network_they_were_given() -> None:
    data = training_speed.learnable(SMALL, 400)
    sizes = SMALL.network(data.inputs.shape[1], data.targets.shape[1])
    start = weights(untrained(sizes, 7))
    naive = training_speed.naive_steps(untrained(sizes, 7), data, SMALL, "cpu")
    ours = training_speed.our_steps(fresh(untrained(sizes, 7), SMALL, TrainPlan()), data, SMALL, TrainPlan())
    for steps in (naive, ours):
        assert not torch.equal(weights(next(steps)), start)
        steps.close()


def test_the_answer_holds_rates_ratios_and_arithmetic(capsys: pytest.CaptureFixture[str]) -> None:
    assert training_speed.main(["--candles", "500", "--windows", "64", "--repeats", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ratio"] == pytest.approx(found["ours_windows_per_s"] / found["naive_windows_per_s"])
    assert found["ratio_equal_batch"] == pytest.approx(found["ours_equal_batch_windows_per_s"] / found["naive_windows_per_s"])
    assert found["gflops"] == pytest.approx(found["flop_per_window"] * found["ours_windows_per_s"] / 1e9)
    assert "mfu" not in found


def test_what_cannot_be_forced_ends_in_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert training_speed.main(["--force", "loader=dali"]) == 3
    assert "loader=dali was forced, but" in capsys.readouterr().err
