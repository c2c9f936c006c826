"""The Dagster home: dagster.yaml of the project copied into the data root, pool limits set, the instance opened."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import DagsterInstance

from fxgpt_core.atomic_file import write_atomically
from fxgpt_core.settings import Settings

POOL_LIMITS = {"gpu": 1, "data": 2}
TEMPLATE = Path(__file__).resolve().parents[2] / "dagster_home" / "dagster.yaml"


def template() -> bytes:
    """The dagster.yaml that the project ships."""
    return TEMPLATE.read_bytes()


def prepare_home(settings: Settings) -> Path:
    """Make the Dagster home and name it in the environment; dagster.yaml is written when missing (a user's own edits stay)."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        write_atomically(home / "dagster.yaml", template())
    os.environ["DAGSTER_HOME"] = str(home)
    return home


@contextmanager
def opened_instance(settings: Settings) -> Iterator[DagsterInstance]:
    """The persistent instance of these settings, with its pool limits set."""
    prepare_home(settings)
    with DagsterInstance.get() as instance:
        limits = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}
        for pool, limit in POOL_LIMITS.items():
            if pool not in limits:
                instance.event_log_storage.set_concurrency_slots(pool, limit)
        yield instance
