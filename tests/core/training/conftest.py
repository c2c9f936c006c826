"""For the tests of training: fewer windows to judge small networks by."""

import pytest

from fxgpt_core.training import loop

QUICK = ("test_training_stepping", "test_training_snapshots", "test_training_acceleration")


@pytest.fixture(autouse=True)
def _few_validation_windows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of their time would go into it; several processes must agree on the number, so it stays where they are tested."""
    if request.module.__name__ in QUICK:
        monkeypatch.setattr(loop, "VALIDATION_BATCH", 96)
