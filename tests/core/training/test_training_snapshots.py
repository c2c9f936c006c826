"""A training that was interrupted ends as one that was not, bit for bit; a damaged snapshot is never believed."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_examples import QUICK, bytes_of, fitted

from fxgpt_core.errors import BadInputError, NotReadyError
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.snapshots import KEPT, Snapshots
from fxgpt_core.training.surroundings import Surroundings, TrainingProgress, delayed_signals


class KilledError(Exception):
    """Stands for a killed process: nothing behind it is done."""


def around(folder: Path, told: list[str] | None = None, dies_at: int = 0, plan: TrainPlan = TrainPlan()) -> Surroundings:  # noqa: B008
    """Surroundings with snapshots, in which a training dies when it reports a step, before that step's snapshot."""

    def progress(one: TrainingProgress) -> None:
        if one.step == dies_at:
            raise KilledError(f"killed at step {one.step}")

    return Surroundings(plan, progress, (told if told is not None else []).append, Snapshots(folder))


@pytest.mark.parametrize(("dies_at", "precision"), [(2, "fp32"), (5, "fp32"), (8, "fp32"), (5, "fp16")])
def test_a_training_that_died_goes_on_and_gives_the_same_bytes(tmp_path: Path, dies_at: int, precision: str) -> None:
    plan = TrainPlan(precision=precision)
    whole = fitted(Surroundings(plan))
    with pytest.raises(KilledError, match="killed at step"):
        fitted(around(tmp_path, dies_at=dies_at, plan=plan))
    told: list[str] = []
    assert bytes_of(fitted(around(tmp_path, told, plan=plan))) == bytes_of(whole)
    assert told == [f"resumed behind step {dies_at - 1} of 8, from its snapshot"]


def test_a_training_that_ended_is_only_read_again_also_when_patience_ended_it(tmp_path: Path) -> None:
    harmful = replace(QUICK, learning_rate=1.0, gradient_clip=1e9, patience=2, warm_up_steps=1)
    for name, parameters in (("whole", QUICK), ("harmful", harmful)):
        first = fitted(around(tmp_path / name), parameters=parameters)
        again = fitted(around(tmp_path / name, dies_at=first[1][-1].step), parameters=parameters)
        assert bytes_of(again) == bytes_of(first)


def test_the_latest_three_are_kept(tmp_path: Path) -> None:
    fitted(around(tmp_path))
    assert sorted(int(path.name[:9]) for path in tmp_path.iterdir()) == [6, 7, 8]
    assert KEPT == 3


@pytest.mark.parametrize("damage", ["changed", "truncated", "empty", "renamed"])
def test_a_damaged_snapshot_is_told_of_and_the_one_before_is_used(tmp_path: Path, damage: str) -> None:
    whole = fitted(around(tmp_path))
    last = max(tmp_path.iterdir())
    data = bytearray(last.read_bytes())
    data[len(data) // 2] ^= 1
    damaged = {"changed": bytes(data), "truncated": last.read_bytes()[:-1], "empty": b""}
    if damage == "renamed":
        last.rename(tmp_path / f"000000008-{'0' * 64}.safetensors")
    else:
        last.write_bytes(damaged[damage])
    told: list[str] = []
    assert bytes_of(fitted(around(tmp_path, told))) == bytes_of(whole)
    assert "is damaged (ValueError: its bytes are not those that were written) and passed over" in told[0]
    assert told[1:] == ["resumed behind step 7 of 8, from its snapshot"]


def test_a_file_that_was_hashed_but_is_no_snapshot_is_passed_over(tmp_path: Path) -> None:
    from fxgpt_core import content_hash

    for step, data in ((7, b"{}"), (9, b"\x02\x00\x00\x00\x00\x00\x00\x00{}")):
        (tmp_path / f"{step:09d}-{content_hash.of_bytes(data)}.safetensors").write_bytes(data)
    told: list[str] = []
    assert Snapshots(tmp_path).latest("any", told.append) is None
    assert len(told) == 2


@pytest.mark.parametrize("change", [{"seed": 2}, {"parameters": replace(QUICK, batch=8)}], ids=["seed", "parameters"])
def test_a_snapshot_of_another_training_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    fitted(around(tmp_path))
    with pytest.raises(BadInputError, match=r"is of another training .* remove .* to begin anew"):
        fitted(around(tmp_path), **change)  # type: ignore[arg-type]


def test_the_stop_file_ends_a_training_behind_its_step_and_the_next_run_goes_on(tmp_path: Path) -> None:
    whole = fitted()
    told: list[str] = []
    surroundings = around(tmp_path, told)
    surroundings.snapshots.stop_file.touch()  # type: ignore[union-attr]
    with pytest.raises(
        NotReadyError, match=r"asked to stop and ended behind step 1, with a snapshot in .*; run it again to go on"
    ):
        fitted(surroundings)
    assert told == [f"stopped behind step 1, with a snapshot in {tmp_path}"]
    assert bytes_of(fitted(surroundings)) == bytes_of(whole)


def test_a_part_is_stopped_with_the_whole_and_all_is_removed_together(tmp_path: Path) -> None:
    whole = Snapshots(tmp_path / "run")
    part = whole.part("member_1")
    assert part.stop_file == whole.stop_file == tmp_path / "run" / "stop"
    part.put("x", 1, {"w": torch.ones(2)}, {})
    whole.remove()
    whole.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT as a terminal has it; where tests run in the background it may be ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_signal_ends_a_training_behind_its_step_with_a_snapshot_and_is_delivered_then(tmp_path: Path) -> None:
    def interrupt(one: TrainingProgress) -> None:
        if one.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    told: list[str] = []
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        fitted(Surroundings(progress=interrupt, tell=told.append, snapshots=Snapshots(tmp_path)))
    assert told == [f"stopped behind step 4, with a snapshot in {tmp_path}"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert bytes_of(fitted(around(tmp_path))) == bytes_of(fitted())


@pytest.mark.usefixtures("interruptible")
def test_without_a_signal_nothing_is_delivered() -> None:
    with delayed_signals() as arrived:
        assert not arrived()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
