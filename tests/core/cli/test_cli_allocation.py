"""fxgpt allocation: weights of what is stored, a picture where asked, and how it ends where there is nothing."""

import numpy as np
import polars as pl
import pytest

from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.settings import read_settings

SYMBOLS = ("AUDUSD", "EURUSD", "GBPUSD", "USDJPY")


@pytest.fixture
def candles(fxgpt):
    """Four symbols with a candle on each of 150 working days."""
    assert fxgpt("setup").code == 0
    settings = read_settings()
    ledger = Ledger(settings.ledger_url)
    lake = Lake(settings.lake_root, ledger, CodeIdentity("c" * 40, None, "l" * 64))
    days = pl.datetime_range(pl.datetime(2024, 1, 1, 12), pl.datetime(2024, 12, 1, 12), "1d", time_zone="UTC", eager=True)
    times = days.filter(days.dt.weekday() < 6).head(150).dt.cast_time_unit("us")
    for seed, symbol in enumerate(SYMBOLS):
        price = np.exp(np.cumsum(np.random.default_rng(seed).normal(3e-4, 5e-3, len(times))))
        prices = dict.fromkeys(("open", "high", "low", "close"), price)
        frame = pl.DataFrame({"open_time": times, **prices, "volume": np.ones(len(times))})
        with lake.making("candles", symbol, "1h", {}, code_sha256="k" * 64, run_id="test") as making:
            making.write_frame(frame, {})
    ledger.close()


@pytest.mark.usefixtures("candles")
def test_the_latest_weights_and_their_multipliers_are_told(fxgpt):
    done = fxgpt("allocation", "--timeframe", "1h", "--objective", "MinRisk", "--json")
    assert done.code == 0
    rows = done.json["weights"]
    assert [row["symbol"] for row in rows] == list(SYMBOLS)
    assert all(row["multiplier"] == pytest.approx(4 * row["weight"]) for row in rows)
    assert done.json["cash"] == pytest.approx(1.0 - sum(row["weight"] for row in rows))
    assert (done.json["days"], done.json["frontier"]) == (150, None)
    assert done.json["rebalances"] == 6
    told = fxgpt("allocation", "--timeframe", "1h", "--objective", "MinRisk")
    assert (told.code, told.err) == (0, "")
    assert "at the end of 2024-07-26: held: drifting with the prices" in told.out


@pytest.mark.usefixtures("candles")
@pytest.mark.parametrize(
    "option",
    [
        *(["--risk-measure", "CVaR"], ["--objective", "MaxRet"], ["--max-weight", "0.26"], ["--min-weight", "0.2"]),
        *(["--risk-free-rate", "0.05"], ["--risk-parity"], ["--rebalance-freq", "30"]),
        ["--objective", "Utility", "--risk-aversion", "5"],
    ],
)
def test_each_option_moves_the_weights(fxgpt, option):
    plain = ["--objective", "Utility"] if "Utility" in option else []
    before, after = (fxgpt("allocation", "-t", "1h", *given, "--json").json["weights"] for given in (plain, option))
    assert before != after


@pytest.mark.usefixtures("candles")
def test_the_frontier_is_drawn(fxgpt, tmp_path):
    file = tmp_path / "frontier.png"
    done = fxgpt("allocation", "-t", "1h", "--frontier", file, "--json")
    assert done.json["frontier"] == str(file)
    assert file.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.usefixtures("candles")
@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["-t", "1h", "--symbols", "EURUSD,USDCHF"], 4, "USDCHF 1h has no candles yet"),
        (["-t", "1h", "--symbols", "EURUSDX"], 3, "did you mean EURUSD"),
        (["-t", "4h"], 4, "no symbol has candles of 4h yet"),
        (["-t", "1h", "--risk-measure", "VaR"], 3, "choose of MV, CVaR"),
        (["-t", "1h", "--symbols", "EURUSD,USDJPY", "--frontier", "x.png"], 3, "mixed in one way only"),
    ],
)
def test_what_cannot_be_answered_says_why(fxgpt, arguments, code, text):
    done = fxgpt("allocation", *arguments)
    assert (done.code, done.out) == (code, "")
    assert text in done.err


def test_without_a_ledger_it_says_what_to_do(fxgpt):
    done = fxgpt("allocation", "-t", "1h")
    assert done.code == 7
    assert "fxgpt setup" in done.err
