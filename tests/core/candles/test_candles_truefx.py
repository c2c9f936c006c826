import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from fxgpt_core.candles.providers.formats import read_checked
from fxgpt_core.candles.providers.reading import ReadRequest
from fxgpt_core.errors import BadInputError, CandleSchemaError
from fxgpt_core.market.timeframes import Timeframe

MINUTES = ReadRequest("EURUSD", Timeframe.M1)
LINES = [
    "EUR/USD,20240102 00:00:00.000,1.10427,1.10430",
    "EUR/USD,20240102 00:00:59.999,1.10420,1.10433",
    "EUR/USD,20240102 00:01:00.000,1.10440,1.10438",
    "EUR/USD,20240102 00:01:30.5,1.10450,1.10450",
    "EUR/USD,20240102 00:03:00.001,1.10400,1.10410",
]


def write(folder: Path, lines: list[str]) -> Path:
    path = folder / "EURUSD-2024-01.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_ticks_become_bid_candles_and_crossed_quotes_are_told(tmp_path: Path) -> None:
    read = read_checked(write(tmp_path, LINES), MINUTES)
    assert read.frame.rows() == [
        (datetime(2024, 1, 2, 0, 0, tzinfo=UTC), 1.10427, 1.10427, 1.10420, 1.10420, 2.0, 1.10433 - 1.10420),
        (datetime(2024, 1, 2, 0, 1, tzinfo=UTC), 1.10440, 1.10450, 1.10440, 1.10450, 2.0, 0.0),
    ]
    assert read.findings == (
        "2 candles of the bid were made of 5 ticks; those cut by the ends of the file were left out",
        "1 of 5 quotes are crossed (bid above ask); they were taken as they are, without a spread",
    )


def test_a_packed_file_gives_the_same(tmp_path: Path) -> None:
    plain = write(tmp_path, LINES)
    packed = tmp_path / "EURUSD-2024-01.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_checked(packed, MINUTES).frame.equals(read_checked(plain, MINUTES).frame)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([*LINES, "GBP/USD,20240102 00:04:00.000,1.2,1.3"], r"ticks of 2 symbols \(\['EUR/USD', 'GBP/USD'\]\); one is needed"),
        ([line.replace("EUR", "GBP") for line in LINES], r"holds GBPUSD \(it says 'GBP/USD'\), not EURUSD"),
        (
            [*LINES, "EUR/USD,2024-01-02 00:04:00,1.2,1.3"],
            r"1 of 6 stamps cannot be read \(first: '2024-01-02 00:04:00' in row 6",
        ),
        ([*LINES, "EUR/USD,20240102 00:04:00.000,,1.3"], r"1 values of bid are not numbers \(first: an empty cell in data row 6"),
        ([*LINES, LINES[0]], r"EURUSD-2024-01\.csv: 1 of 6 ticks are before the tick above"),
        (LINES[:1], r"EURUSD-2024-01\.csv: 1 ticks hold no complete 1m candle"),
    ],
)
def test_files_whose_ticks_cannot_be_used_are_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(CandleSchemaError, match=message):
        read_checked(write(tmp_path, lines), MINUTES)


def test_a_zone_is_refused_since_the_stamps_are_utc(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"read as truefx, whose stamps are in UTC .* take one are histdata, mt4, mt5, hst"):
        read_checked(write(tmp_path, LINES), ReadRequest("EURUSD", Timeframe.M1, "NY+7"))


@pytest.mark.shared_data
def test_real_ticks_written_in_this_form_give_the_candles_of_a_plain_loop(shared_data: Path, tmp_path: Path) -> None:
    lines = (shared_data / "fixtures/truefx/usdjpy-ticks.csv").read_text().split("\n")[1:]
    ticks = [(datetime.fromisoformat(cells[0]), *cells[1:]) for cells in (line.split(",") for line in lines if line)]
    path = write(tmp_path, [f"USD/JPY,{time:%Y%m%d %H:%M:%S.%f},{bid},{ask}" for time, bid, ask in ticks])
    candles: dict[datetime, list[float]] = {}
    for time, bid, _ in ticks:
        candles.setdefault(time.replace(second=0, microsecond=0), []).append(float(bid))
    expected = [(start, p[0], max(p), min(p), p[-1], float(len(p))) for start, p in list(candles.items())[1:-1]]
    read = read_checked(path, ReadRequest("USDJPY", Timeframe.M1))
    assert read.frame.drop("spread").rows() == expected
    last = {time.replace(second=0, microsecond=0): float(ask) - float(bid) for time, bid, ask in ticks}
    assert read.frame["spread"].to_list() == [last[row[0]] if last[row[0]] >= 0.0 else None for row in expected]
    crossed = sum(float(bid) > float(ask) for _, bid, ask in ticks)
    assert len(read.findings) == 1 + bool(crossed)
    assert isinstance(read.frame.schema["open_time"], pl.Datetime)
