"""One tiny set-up for all tests of the pipelines: sample candles, three seconds of training, a handful of trials."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.migration import upgrade
from fxgpt_core.settings import Settings, read_settings
from fxgpt_pipelines.resources import LakeResource, LedgerResource, TrackingResource
from fxgpt_pipelines.running import Made, Runner

N_CANDLES, HELD_OUT = 2_200, 6
CONFIG = {
    "raw_candles": {"hold_out_candles": HELD_OUT},
    "pattern_autoencoder": {"preset": "tiny"},
    "diffusion_model": {"preset": "tiny"},
    "forecasts": {"n_paths": 16, "n_steps": 1},
    "optimized_parameters": {"engine": "random", "n_trials": 3, "n_final_trials": 3, "max_folds": 2, "train_days": 14},
    "deployment": {"override_reason": "a test"},
}
LINE = (
    *("raw_candles", "candles", "context_series", "features", "regimes", "pattern_autoencoder", "diffusion_model", "forecasts"),
    *("calibration_quantiles", "walk_forward_validation", "optimized_parameters", "robustness"),
)


@dataclass(frozen=True)
class SetUp:
    """A data root with a migrated ledger, an instance, and what reads and writes it."""

    settings: Settings
    ledger: Ledger
    lake: Lake
    instance: dg.DagsterInstance
    runner: Runner
    lines: list[str]


@contextmanager
def set_up(root: Path) -> Iterator[SetUp]:
    """A ledger, a lake and a runner below `root`; the latest candles of the sample are the user's imported ones."""
    settings = read_settings({"FXGPT_DATA_ROOT": str(root)})
    candles = SampleProvider().candles("EURUSD", Timeframe.H1).tail(N_CANDLES)
    CandleStore(settings.import_root).put(candles, "EURUSD", Timeframe.H1, "test")
    ledger = Ledger(settings.ledger_url)
    upgrade(ledger)
    lake = Lake(settings.lake_root, ledger, CodeIdentity("test", None, "test"))
    lines: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance:
        yield SetUp(settings, ledger, lake, instance, Runner(instance, "EURUSD", "1h", lines.append, resources(root)), lines)
    ledger.close()


def resources(root: Path) -> dict[str, dg.ConfigurableResource]:
    """The resources of the set-up below `root`."""
    kinds = {"lake": LakeResource, "ledger": LedgerResource, "tracking": TrackingResource}
    return {name: kind(data_root=str(root)) for name, kind in kinds.items()}


@dataclass(frozen=True)
class Line:
    """A set-up in which everything up to the gate board was made."""

    at: SetUp
    made: dict[str, Made]
