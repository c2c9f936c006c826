"""The README's first command as a user runs it: the whole line once, then everything that is promised of its result."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.conformal.bands import bands_behind
from fxgpt_core.conformal.calibration import Calibration
from fxgpt_core.diffusion.forecaster import DiffusionForecaster, SamplingParameters
from fxgpt_core.features.matrix import features
from fxgpt_core.forecasts.forecast import Forecasts, joined
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import REASON_NAMES
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.optimization.problem import Evaluation, Problem
from fxgpt_core.patterns.anomalies import anomaly_of
from fxgpt_core.patterns.anomaly_file import anomaly_model_of
from fxgpt_core.regimes.regime_model import RegimeModel
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.strategy.components import Components
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.training.checkpoints import load_model
from fxgpt_core.validation.folds import Window

# The small preset and six candles keep this below two minutes; what runs is the demo itself.
DEMO = (
    sys.executable,
    "-m",
    "fxgpt_pipelines.demo",
    "--symbol",
    "EURUSD",
    "--timeframe",
    "1h",
    "--preset",
    "tiny",
    "--release",
    "6",
)
ALARMS = re.compile(r"warning|traceback|error:|deprecat", re.IGNORECASE)
FILES = ("raw_candles", "candles", "features", "diffusion_model", "forecasts", "calibration_quantiles", "walk_forward_validation",
         "optimized_parameters")  # fmt: skip

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Demo:
    """A finished demo: its folder and what both runs printed."""

    root: Path
    first: subprocess.CompletedProcess[str]
    second: subprocess.CompletedProcess[str]

    def fxgpt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run((sys.executable, "-m", "fxgpt_core.cli.main", *arguments), self.root)

    def rows(self, statement: str, *values: object) -> list[Any]:
        with sqlite3.connect(self.root / "ledger.db") as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(statement, values).fetchall()

    def last_order(self) -> str:
        return str(
            self.rows("SELECT client_order_id FROM order_intents WHERE state = 'FILLED' ORDER BY created_at DESC LIMIT 1")[0][0]
        )

    def trace(self) -> tuple[int, dict[str, dict[str, Any]]]:
        """Exit code and hops by name; of several fills the last."""
        done = self.fxgpt("trace", self.last_order(), "--json")
        return done.returncode, {hop["name"]: hop for hop in json.loads(done.stdout)["hops"]}


def run(command: tuple[str, ...], root: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FXGPT_", "DAGSTER_", "MLFLOW_"))}
    return subprocess.run(
        command, env={**kept, "FXGPT_DATA_ROOT": str(root)}, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    root = tmp_path_factory.mktemp("demo") / "data"
    return Demo(root, *(run(DEMO, root) for _ in range(2)))


def test_demo_ends_well_without_a_warning(demo: Demo) -> None:
    assert demo.first.returncode == 0, demo.first.stdout + demo.first.stderr
    assert demo.first.stderr == ""
    assert not [line for line in demo.first.stdout.splitlines() if ALARMS.search(line)]
    assert "every hop is ok" in demo.first.stdout
    assert "make ui" in demo.first.stdout


def test_demo_second_run_reuses_every_artifact_and_orders_nothing(demo: Demo) -> None:
    assert demo.second.returncode == 0, demo.second.stdout + demo.second.stderr
    made = [line for line in demo.second.stdout.splitlines() if re.search(r"^\[ ?\d+/\d+\].* made ", line)]
    assert made == []
    n_before = demo.first.stdout.count("units=")
    assert demo.second.stdout.count("units=") == n_before


def test_demo_prints_the_gate_board_with_numbers_and_remedies(demo: Demo) -> None:
    assert re.search(r"gate board: \d+ of \d+ passed", demo.first.stdout)
    (override,) = demo.rows("SELECT override_reason FROM deployment_evidence")
    assert "demo" in override[0]


def test_demo_each_live_decision_is_the_backtests(demo: Demo) -> None:
    (path,) = demo.rows("SELECT path FROM artifacts WHERE asset = 'shadow_comparison' ORDER BY created_at DESC LIMIT 1")
    compared = json.loads((demo.root / "lake" / path[0]).read_text())
    assert compared["decisions"] >= 6
    assert compared["differences"] == []
    assert (compared["trades"] >= 1, compared["fill_differences"]) == (True, [])


def test_demo_adherence_tells_of_every_order_what_became_of_it(demo: Demo) -> None:
    (path,) = demo.rows("SELECT path FROM artifacts WHERE asset = 'adherence' ORDER BY created_at DESC LIMIT 1")
    found = json.loads((demo.root / "lake" / path[0]).read_text())
    assert [row["client_order_id"] for row in found["orders"]] == [
        row[0] for row in demo.rows("SELECT client_order_id FROM order_intents ORDER BY created_at")
    ]
    assert sum(day["filled"] for day in found["day"]) == sum(row["filled_units"] > 0 for row in found["orders"]) >= 1


def test_demo_replay_of_an_order_makes_its_decision_again_to_the_bit(demo: Demo) -> None:
    done = demo.fxgpt("replay", demo.last_order(), "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"], found["different"], found["same_code"]) == (0, True, [], True)


@pytest.fixture(scope="module")
def expected(demo: Demo) -> tuple[Evaluation, dict[int, dict[str, Any]]]:
    """What the search's own path does with the provider's candles; nothing of it comes from the live job or its tables."""
    lake = Lake(demo.root / "lake", Ledger(f"sqlite:///{demo.root / 'ledger.db'}"), CodeIdentity("test", None, ""))
    model, forecasts, calibration, proposal = (
        lake.latest(asset, "EURUSD", "1h")
        for asset in ("diffusion_model", "forecasts", "calibration_quantiles", "optimized_parameters")
    )
    frame = SampleProvider().candles("EURUSD", Timeframe.H1)
    candles = candle_arrays(frame, Timeframe.H1)
    first, last = demo.rows("SELECT min(known_at_us), max(known_at_us) FROM decisions")[0]
    stored = Forecasts.from_frame(forecasts.frame())
    origins = np.flatnonzero((candles.known_at_us > stored.known_at_us[-1]) & (candles.known_at_us <= last))
    sampling = SamplingParameters(n_paths=forecasts.settings["n_paths"], n_steps=forecasts.settings["n_steps"])
    forecaster = DiffusionForecaster(load_model(model.path, model.sha256), sampling)
    made = forecaster.forecast(features(frame, Timeframe.H1), candles, origins, seed=forecasts.settings["seed"])
    bands = bands_behind(Calibration.from_json(calibration.path.read_text()), joined([stored, made]), candles)
    assert proposal.json()["components"]["parts"] == ["patterns", "regimes", "anomalies"]
    regimes, autoencoder = (lake.latest(asset, "EURUSD", "1h") for asset in ("regimes", "pattern_autoencoder"))
    anomalies = anomaly_model_of(autoencoder.path.read_bytes(), autoencoder.sha256, "autoencoder")
    components = Components(
        patterns=True,
        regime=RegimeModel.from_json(regimes.path.read_text()).series(candles).regime,
        anomaly=anomaly_of(anomalies, candles).ratio,
    )
    bands, costs = bands.select(bands.known_at_us >= first), Costs(**proposal.json()["costs"])
    problem = Problem("EURUSD", candles, bands, costs, components=components)
    parameters = StrategyParameters.from_json(proposal.json()["parameters"])
    # One candle earlier: as in backtesting.py, the first candle of a backtest is never decided on.
    window = Window(first - Timeframe.H1.us, last + 1)
    decisions = problem.decisions(parameters, window)
    rows = {int(known_at): decisions.row(i).to_json() for i, known_at in enumerate(decisions.known_at_us)}
    return problem.evaluate(parameters, window), rows


def test_demo_each_live_decision_is_that_of_a_backtest_of_the_held_out_candles(demo: Demo, expected: Any) -> None:
    lived = {row[0]: json.loads(row[1])["decision"] for row in demo.rows("SELECT known_at_us, payload_json FROM decisions")}
    assert len(lived) >= 6
    assert lived == {known_at: expected[1][known_at] for known_at in lived}


def test_demo_each_paper_trade_is_that_of_a_backtest_of_the_held_out_candles(demo: Demo, expected: Any) -> None:
    trades = expected[0].result.trades
    fills = demo.rows("SELECT time_us, price, units, side, reason FROM fills ORDER BY time_us, reason = 'entry' DESC")
    lived = [tuple(fill) for fill in fills]
    columns = (
        trades.entry_time_us,
        trades.entry_price,
        trades.units,
        trades.side,
        trades.exit_time_us,
        trades.exit_price,
        trades.reason,
    )
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert [fill for fill in lived if fill[4] == "entry"] == [(*row[:4], "entry") for row in rows]
    assert rows
    exits = {(row[4], row[5], REASON_NAMES[row[6]]) for row in rows}
    assert {(fill[0], fill[1], fill[4]) for fill in lived if fill[4] != "entry"} <= exits


def test_demo_decisions_were_made_by_runs_the_sensor_started(demo: Demo) -> None:
    runs = {row[0] for row in demo.rows("SELECT dagster_run_id FROM decisions")}
    assert len(runs) == len(demo.rows("SELECT id FROM decisions"))
    with sqlite3.connect(next(demo.root.rglob("runs.db"))) as connection:
        tags = connection.execute(
            "SELECT run_id FROM run_tags WHERE key = 'dagster/sensor_name' AND value = 'closed_candle_sensor'"
        ).fetchall()
    assert runs <= {row[0] for row in tags}


def test_demo_leaves_no_failed_run_but_that_of_the_gates_that_fail(demo: Demo) -> None:
    with sqlite3.connect(next(demo.root.rglob("runs.db"))) as connection:
        rows = connection.execute("SELECT status, run_body FROM runs").fetchall()
    failed = [body for status, body in rows if status != "SUCCESS"]
    assert len(rows) > 15
    assert failed
    assert all(body.count('"robustness"') for body in failed)
    assert len(failed) == len([body for _, body in rows if '"robustness"' in body])


def test_demo_trace_resolves_every_hop(demo: Demo) -> None:
    code, hops = demo.trace()
    assert code == 0
    expected = {"order", "fill", "signal", "decision", "closed candles", "deployment", "parameter set", "trial", "model version",
                "provider", "lineage ledger", *FILES}  # fmt: skip
    assert expected <= set(hops)
    assert {hop["status"] for hop in hops.values()} == {"ok"}
    assert hops["trial"]["details"]["seed"]
    assert all(hops[name]["details"]["dagster_run_id"] for name in FILES)
    assert hops["candles"]["details"]["commit"]


@contextmanager
def flipped(file: Path) -> Iterator[None]:
    """One byte of a file changed, and put back."""
    whole = file.read_bytes()
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(bytes(damaged))
    try:
        yield
    finally:
        file.write_bytes(whole)


@pytest.mark.parametrize("asset", FILES)
def test_demo_trace_names_the_file_in_which_one_byte_was_flipped(demo: Demo, asset: str) -> None:
    _, hops = demo.trace()
    with flipped(Path(hops[asset]["details"]["path"])):
        code, broken = demo.trace()
    assert code == 6
    assert broken[asset]["status"] == "BROKEN"
    others = {name for name, hop in broken.items() if hop["status"] != "ok"} - {asset}
    # What can only be told from the damaged file cannot be told.
    told_by = {"optimized_parameters": {"parameter set", "trial"}, "raw_candles": {"provider"}}
    assert others == told_by.get(asset, set())
    assert demo.trace()[0] == 0


@contextmanager
def edited(demo: Demo, statement: str) -> Iterator[None]:
    """The ledger changed behind its back, and put back whole."""
    with closing(sqlite3.connect(demo.root / "ledger.db")) as ledger, closing(sqlite3.connect(":memory:")) as kept:
        ledger.backup(kept)
        assert ledger.execute(statement).rowcount > 0
        ledger.commit()
        try:
            yield
        finally:
            kept.backup(ledger)


@pytest.mark.parametrize(
    ("hop", "statement"),
    [
        ("order", "UPDATE order_intents SET units = units + 1"),
        ("fill", "UPDATE fills SET price = price + 0.0001"),
        ("closed candles", "UPDATE live_candles SET close = close + 0.0001"),
        ("decision", """UPDATE decisions SET payload_json = replace(payload_json, '"reason":"', '"reason":"x')"""),
        ("deployment", "UPDATE deployment_evidence SET override_reason = 'all gates passed'"),
        ("trial", "UPDATE optimization_parameters SET parameter_value = '29' WHERE parameter_name = 'riskfolio_rebalance_freq'"),
    ],
)
def test_demo_trace_names_the_row_that_was_edited(demo: Demo, hop: str, statement: str) -> None:
    with edited(demo, statement):
        code, broken = demo.trace()
    assert code == 6
    assert {name for name, found in broken.items() if found["status"] != "ok"} == {hop}
    assert demo.trace()[0] == 0


def test_demo_changed_forecasts_stop_a_backtest_with_one_message(demo: Demo) -> None:
    _, hops = demo.trace()
    with flipped(Path(hops["forecasts"]["details"]["path"])):
        done = demo.fxgpt("backtest", "--symbol", "EURUSD", "--timeframe", "1h", "--json")
    assert done.returncode == 6
    assert "forecasts" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_demo_backtest_engines_print_the_same_trades(demo: Demo, tmp_path: Path) -> None:
    # A small model says little: a day ahead, and with any band, it still trades.
    loose = tmp_path / "loose.json"
    loose.write_text(json.dumps({"sssd_forecast_horizon": 24, "sssd_uncertainty_threshold": 0.5}))
    asked = ("backtest", "--symbol", "EURUSD", "--timeframe", "1h", "--params", str(loose), "--json")
    answers = []
    for engine in ("kernel", "reference"):
        done = demo.fxgpt(*asked, "--engine", engine)
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    assert answers[0]["trades"] == answers[1]["trades"]
    assert answers[0]["trades"]
    names = {"entry_time", "exit_time", "side", "entry_price", "exit_price", "size", "reason"}
    assert names <= set(answers[0]["trades"][0])


def test_demo_deploying_again_changes_nothing_and_an_unknown_broker_is_refused(demo: Demo) -> None:
    place = ("--symbol", "EURUSD", "--timeframe", "1h", "--json")
    before = demo.fxgpt("deployments", "--json").stdout
    again = demo.fxgpt("deploy", *place, "--paper-override", "another reason")
    assert (again.returncode, json.loads(again.stdout)["changed"]) == (0, False), again.stderr
    assert demo.fxgpt("deploy", *place, "--broker", "Paper").returncode == 3
    assert demo.fxgpt("rollback", *place, "--reason", "there is nothing before it").returncode == 5
    assert demo.fxgpt("deployments", "--json").stdout == before


@pytest.mark.parametrize(
    "verb",
    [
        ("gates", "--symbol", "EURUSD", "--timeframe", "1h"),
        ("deployments",),
        ("orders",),
        ("live", "status"),
        ("candles", "list"),
    ],
)
def test_demo_every_reading_verb_answers_in_json(demo: Demo, verb: tuple[str, ...]) -> None:
    done = demo.fxgpt(*verb, "--json")
    assert done.returncode in (0, 5), done.stderr
    assert isinstance(json.loads(done.stdout), dict)
