import subprocess
import sys
from pathlib import Path

import pytest

from fxgpt_core.candles.provider import provided_candles
from fxgpt_core.candles.providers import sample as sample_module
from fxgpt_core.candles.providers.sample import SampleProvider, sample_path
from fxgpt_core.candles.resample import resample
from fxgpt_core.errors import MissingError
from fxgpt_core.market.timeframes import Timeframe


def test_the_sample_equals_the_frame_that_backtesting_py_itself_gives() -> None:
    import pandas as pd

    theirs = pd.read_csv(sample_path(), index_col=0, parse_dates=True)  # what backtesting.test does
    ours = SampleProvider().candles("EURUSD", Timeframe.H1)
    assert ours["open_time"].dt.replace_time_zone(None).to_list() == theirs.index.to_pydatetime().tolist()
    for name in ("Open", "High", "Low", "Close", "Volume"):
        assert ours[name.lower()].to_list() == theirs[name].astype(float).tolist()


def test_reading_the_sample_does_not_import_the_agpl_package() -> None:
    code = (
        "import sys; from fxgpt_core.candles.providers.sample import SampleProvider, TIMEFRAME;"
        "assert len(SampleProvider().candles('EURUSD', TIMEFRAME)) == 5000; assert 'backtesting' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_a_missing_file_and_a_missing_package_are_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        MissingError, match=r"the sample is not at .*none\.csv; it ships with backtesting 0\.6\.6; run: pip install"
    ):
        SampleProvider(tmp_path / "none.csv").candles("EURUSD", Timeframe.H1)
    monkeypatch.setattr(sample_module, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(MissingError, match=r"package backtesting is not installed; .*run: pip install backtesting==0\.6\.6"):
        SampleProvider().candles("EURUSD", Timeframe.H1)


def test_a_longer_timeframe_is_resampled_from_the_sample_and_its_own_is_taken_as_it_is() -> None:
    hourly = SampleProvider().candles("EURUSD", Timeframe.H1)
    own = provided_candles(SampleProvider(), "EURUSD", Timeframe.H1)
    daily = provided_candles(SampleProvider(), "EURUSD", Timeframe.D1)
    assert own.frame.equals(hourly)
    assert daily.frame.equals(resample(hourly, Timeframe.H1, Timeframe.D1))
    assert own.source_timeframe is daily.source_timeframe is Timeframe.H1


def test_a_shorter_timeframe_is_not_made_up() -> None:
    with pytest.raises(MissingError, match="'sample' has no 30m candles of EURUSD and no shorter ones; it has EURUSD 1h; import"):
        provided_candles(SampleProvider(), "EURUSD", Timeframe.M30)
