"""The fixtures of the pipelines' tests: a line made once, and a fresh set-up for each test that changes something."""

from collections.abc import Iterator

import pytest
from tiny_line import CONFIG, LINE, Line, SetUp, set_up

from fxgpt_core.registry.tracking import upgrade_store


@pytest.fixture(scope="session")
def line(tmp_path_factory) -> Iterator[Line]:
    with set_up(tmp_path_factory.mktemp("line")) as at:
        upgrade_store(at.settings.mlflow_url)
        yield Line(at, {asset: at.runner.materialize(asset, CONFIG.get(asset)) for asset in LINE})


@pytest.fixture
def fresh(tmp_path) -> Iterator[SetUp]:
    with set_up(tmp_path) as at:
        yield at
