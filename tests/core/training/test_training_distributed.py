"""Two processes by torchrun learn what one learns, a killed one begins again from the snapshot, and fewer go on when all fail."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_examples import QUICK, SIZES, STILL, bytes_of, data, fitted, weights

from fxgpt_core.diffusion.model import untrained
from fxgpt_core.errors import BadInputError, NotReadyError
from fxgpt_core.training import distributed
from fxgpt_core.training.distributed import Job, fit_together
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.snapshots import Snapshots
from fxgpt_core.training.surroundings import Surroundings, TrainingProgress

TWO = TrainPlan(world=2)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes import the project from where this one does."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[3]))


def children_of(process: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(words[1]) == process:
            found.append(int(stat.parent.name))
    return found


def test_two_processes_give_the_weights_of_one_to_rounding(tmp_path: Path) -> None:
    told: list[str] = []
    reports: list[TrainingProgress] = []
    around = Surroundings(TWO, reports.append, told.append, Snapshots(tmp_path))
    network, curve = fit_together(STILL, data(), QUICK, seed=1, surroundings=around)
    alone = fitted(sizes=STILL)
    assert [p.training for p in curve] == pytest.approx([p.training for p in alone[1]], rel=1e-5)
    assert [p.validation for p in curve] == pytest.approx([p.validation for p in alone[1]], rel=1e-5)
    moved = (weights(alone[0]) - weights(untrained(STILL, 1))).norm()
    assert float((weights(network) - weights(alone[0])).norm() / moved) < 0.01
    assert [one.step for one in reports] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert told == ["resumed behind step 8 of 8, from its snapshot"]


def test_a_job_comes_back_as_it_was_put(tmp_path: Path) -> None:
    job = Job(SIZES, data(), QUICK, TWO, 3)
    job.write(tmp_path)
    again = Job.read(tmp_path)
    assert (again.sizes, again.parameters, again.plan, again.seed) == (SIZES, QUICK, TWO, 3)
    for one, other in zip(again.data, data(), strict=True):
        assert (one.context, one.reach) == (other.context, other.reach)
        assert all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("inputs", "targets", "ahead", "origins"))


def test_several_processes_need_a_folder_for_their_snapshots() -> None:
    with pytest.raises(BadInputError, match="2 processes train together by their snapshots, and there is no folder"):
        fit_together(SIZES, data(), QUICK, seed=1, surroundings=Surroundings(TWO))


def test_when_the_processes_fail_fewer_go_on_and_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds: list[int] = []
    monkeypatch.setattr(distributed, "_ended_well", lambda snapshots, world, around: worlds.append(world))
    told: list[str] = []
    around = Surroundings(TrainPlan(world=4), tell=told.append, snapshots=Snapshots(tmp_path))
    network = fit_together(SIZES, data(), QUICK, seed=1, surroundings=around)
    assert worlds == [4, 2]
    assert told == [f"{n} processes failed; {n // 2} go on from the snapshot" for n in (4, 2)]
    assert bytes_of(network) == bytes_of(fitted())


@pytest.mark.slow
def test_a_killed_process_lets_all_begin_again_from_the_snapshot(tmp_path: Path) -> None:
    parameters = replace(QUICK, n_steps=60, patience=99)
    killed: list[int] = []
    reports: list[int] = []

    def kill_one(one: TrainingProgress) -> None:
        reports.append(one.step)
        if one.step >= 20 and not killed:
            (launcher,) = (child for child in children_of(os.getpid()) if len(children_of(child)) == 2)
            killed.append(children_of(launcher)[-1])
            os.kill(killed[0], signal.SIGKILL)

    told: list[str] = []
    around = Surroundings(TWO, kill_one, told.append, Snapshots(tmp_path / "killed"))
    network, curve = fit_together(STILL, data(), parameters, seed=1, surroundings=around)
    whole = fit_together(
        STILL, data(), parameters, seed=1, surroundings=Surroundings(TWO, snapshots=Snapshots(tmp_path / "whole"))
    )
    assert bytes_of((network, curve)) == bytes_of(whole)
    resumed = [line for line in told if line.startswith("resumed behind step") and "step 60" not in line]
    assert len(resumed) == 1
    assert reports[-1] == 60


@pytest.mark.slow
def test_what_ends_on_purpose_is_not_begun_again(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "stopped")
    snapshots.folder.mkdir()
    snapshots.stop_file.touch()
    with pytest.raises(NotReadyError, match="asked to stop and ended behind step 1, with a snapshot"):
        fit_together(STILL, data(), QUICK, seed=1, surroundings=Surroundings(TWO, snapshots=snapshots))
    diverging = replace(QUICK, learning_rate=1e30, gradient_clip=1e9)
    around = Surroundings(TWO, snapshots=Snapshots(tmp_path / "diverged"))
    with pytest.raises(BadInputError, match="training diverged at step"):
        fit_together(STILL, data(), diverging, seed=1, surroundings=around)
