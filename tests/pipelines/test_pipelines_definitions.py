"""The definitions: they load, they load fast, and they load none of the heavy libraries."""

import subprocess
import sys
from dataclasses import asdict

import dagster as dg

from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_pipelines.code_versions import ROOMS, code_version
from fxgpt_pipelines.definitions import build_definitions
from fxgpt_pipelines.sampler_config import SamplerConfig

SECONDS_TO_IMPORT = 2.0
HEAVY = ("torch", "mlflow", "riskfolio", "vectorbt", "optuna", "matplotlib", "pandas", "scipy", "numba", "backtesting")


def test_the_definitions_are_loadable_and_every_asset_has_a_group_and_a_code_version():
    definitions = build_definitions()
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.group_name != "default"
        assert node.code_version == code_version(key.path[-1])


def test_loading_the_definitions_is_fast_and_imports_nothing_heavy():
    # Processor time, not the clock's: what else the machine does is not this import's.
    program = (
        "import sys, time; began = time.process_time(); import fxgpt_pipelines.definitions; "
        f"print(time.process_time() - began, *[m for m in {HEAVY!r} if m in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    tries = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in range(2)]
    seconds, *heavy = min(tries, key=lambda words: float(words[0]))
    assert heavy == []
    assert float(seconds) < SECONDS_TO_IMPORT


def test_a_code_version_is_a_hash_and_differs_between_assets_of_different_rooms():
    assert len({code_version(asset) for asset in ("candles", "features")}) == 2
    assert all(len(code_version(asset)) == 64 for asset in ("candles", "features") if asset in ROOMS)


def test_the_job_up_to_the_gates_does_not_deploy():
    job = build_definitions().resolve_job_def("candles_to_gates")
    made = {key.path[-1] for key in job.asset_layer.executable_asset_keys}
    assert "robustness" in made
    assert made.isdisjoint({"deployment", "live_orders", "adherence"})


def test_the_setting_of_a_sampler_is_that_of_the_core():
    assert SamplerConfig().model_dump() == asdict(SamplingParameters())
