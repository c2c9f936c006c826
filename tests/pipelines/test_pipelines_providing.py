"""Downloaded candles are used after the imported ones and before the sample, under the name of their source."""

import pytest

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.errors import MissingError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.settings import read_settings
from fxgpt_pipelines.providing import provided


@pytest.fixture
def settings(tmp_path):
    return read_settings({"FXGPT_DATA_ROOT": str(tmp_path)})


def put(root, n_candles):
    frame = SampleProvider().candles("EURUSD", Timeframe.H1).tail(n_candles)
    CandleStore(root).put(frame, "EURUSD", Timeframe.H1, "test")


def test_downloaded_candles_go_before_the_sample_and_after_the_imported_ones(settings):
    put(settings.download_root / "yahoo", 400)
    put(settings.download_root / "tiingo", 300)
    found = provided(settings, "EURUSD", Timeframe.H1)
    assert (found.provider, len(found.frame)) == ("tiingo", 300)
    put(settings.import_root, 200)
    assert provided(settings, "EURUSD", Timeframe.H1).provider == "imported"


def test_a_provider_asked_for_by_name_is_the_one_used_and_recorded(settings):
    put(settings.download_root / "yahoo", 400)
    put(settings.download_root / "tiingo", 300)
    found = provided(settings, "EURUSD", Timeframe.H4, "yahoo")
    assert (found.provider, found.source_timeframe, len(found.source)) == ("yahoo", Timeframe.H1, 400)
    with pytest.raises(MissingError, match="provider 'dukascopy' has no 4h candles of EURUSD"):
        provided(settings, "EURUSD", Timeframe.H4, "dukascopy")
