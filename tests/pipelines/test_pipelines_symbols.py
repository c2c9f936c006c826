"""A symbol of which there are candles is a partition by itself, and one job brings many partitions to their features."""

import dagster as dg

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.settings import read_settings
from fxgpt_pipelines.definitions import build_definitions
from fxgpt_pipelines.resources import LedgerResource
from fxgpt_pipelines.sensors import known_symbols_sensor


def test_every_symbol_with_candles_becomes_a_partition_once(tmp_path):
    settings = read_settings({"FXGPT_DATA_ROOT": str(tmp_path)})
    frame = SampleProvider().candles("EURUSD", Timeframe.H1)
    CandleStore(settings.import_root).put(frame, "USDCHF", Timeframe.H1, "test")
    CandleStore(settings.download_root / "tiingo").put(frame, "AUDNZD", Timeframe.H1, "test")
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("symbols", ["EURUSD"])

        def tick() -> dg.SensorResult:
            context = dg.build_sensor_context(instance=instance, resources={"ledger": LedgerResource(data_root=str(tmp_path))})
            return known_symbols_sensor(context)

        (request,) = tick().dynamic_partitions_requests
        assert (request.partitions_def_name, request.partition_keys) == ("symbols", ["AUDNZD", "USDCHF"])
        instance.add_dynamic_partitions("symbols", request.partition_keys)
        assert tick().skip_reason.skip_message == "candles of 3 symbols are there, and all are partitions"


def test_the_sensor_of_symbols_runs_by_itself_and_the_job_ends_with_the_features():
    definitions = build_definitions()
    assert definitions.resolve_sensor_def("known_symbols_sensor").default_status is dg.DefaultSensorStatus.RUNNING
    job = definitions.resolve_job_def("candles_to_features")
    made = {key.path[-1] for key in job.asset_layer.executable_asset_keys}
    assert made == {"raw_candles", "candles", "context_series", "features"}
    # Not in the lane of training and search, which takes one run at a time: its pool takes two, one for each core.
    assert "fxgpt/lane" not in job.tags
    graph = definitions.resolve_asset_graph()
    assert all(graph.get(dg.AssetKey(name)).pools == {"data"} for name in made)
