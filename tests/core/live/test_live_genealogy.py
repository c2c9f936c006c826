"""A trace is right about everything it names: the untouched line is ok, and each planted change is told at its own hop."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from live_lineage import FLOW, line
from live_stage import Stage
from sqlalchemy import select

from fxgpt_core import content_hash
from fxgpt_core.errors import MissingError
from fxgpt_core.live.genealogy import BROKEN, MISSING, Trace, as_text, trace
from fxgpt_core.registry.artifact import Artifact
from fxgpt_core.registry.lineage import GENESIS, entries
from fxgpt_core.registry.live_tables import positions

ASSETS = ("raw_candles", *(asset for asset, _ in FLOW), "optimized_parameters")
TRADING = {"order", "fill", "signal", "decision", "closed candles", "deployment", "parameter set", "trial", "lineage ledger"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return line(tmp_path_factory.mktemp("line"))


@pytest.fixture(scope="module")
def order(made: Stage) -> str:
    """An order that became a position which was closed again."""
    with made.ledger.reading() as connection:
        closed = select(positions.c.client_order_id).where(positions.c.state == "closed").order_by(positions.c.entry_time_us)
        return str(connection.execute(closed).scalars().first())


def mlflow(artifact: Artifact) -> Mapping[str, Any]:
    """What a store says that has the file as it was written, registered while the chain was empty."""
    tags = {"artifact_sha256": artifact.sha256, "ledger_head": GENESIS}
    return {"version": artifact.model_version, "file_sha256": artifact.sha256, **tags}


def wrong(found: Trace) -> dict[str, str]:
    return {hop.name: hop.status for hop in found.broken}


@contextmanager
def edited(made: Stage, statement: str) -> Iterator[None]:
    """The ledger changed behind its back, its triggers cut, and put back whole."""
    with closing(sqlite3.connect(made.root / "ledger.db")) as ledger, closing(sqlite3.connect(":memory:")) as kept:
        ledger.backup(kept)
        for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            ledger.execute(f"DROP TRIGGER {name}")
        assert ledger.execute(statement).rowcount > 0
        ledger.commit()
        try:
            yield
        finally:
            kept.backup(ledger)


def test_trace_of_an_untouched_line_is_ok_at_every_hop(made: Stage, order: str) -> None:
    found = trace(made.lake, order, mlflow)
    assert wrong(found) == {}
    assert found.ok
    assert {hop.name for hop in found.hops} == {*TRADING, *ASSETS, "model version", "provider"}
    assert [hop.name for hop in found.hops if hop.name == "fill"] == ["fill", "fill"]
    assert all(hop.stored == hop.recomputed != "" for hop in found.hops)


def test_trace_says_who_made_what_with_which_code_and_seed(made: Stage, order: str) -> None:
    hops = {hop.name: hop for hop in trace(made.lake, order, mlflow).hops}
    for asset in ASSETS:
        assert hops[asset].details["dagster_run_id"] in (f"run-{asset}", "run-raw")
        assert (hops[asset].details["commit"], hops[asset].details["lock"]) == ("c" * 40, "l" * 64)
    assert hops["trial"].details["seed"] == "7"
    assert hops["provider"].id == "sample"
    assert hops["decision"].details["numbers"]["close"] > 0


def test_trace_takes_the_brokers_order_id_too(made: Stage, order: str) -> None:
    assert trace(made.lake, f"paper-{order}", mlflow) == trace(made.lake, order, mlflow)


def test_trace_of_an_unknown_order_says_where_to_look(made: Stage) -> None:
    with pytest.raises(MissingError, match=r"knows no order fx1-none; `fxgpt orders`"):
        trace(made.lake, "fx1-none")


@pytest.mark.parametrize("asset", ASSETS)
@pytest.mark.parametrize("damage", ["flip", "remove"])
def test_trace_names_the_file_that_is_not_what_was_written(made: Stage, order: str, asset: str, damage: str) -> None:
    path = made.lake.latest(asset, "EURUSD", "1h").path
    whole = path.read_bytes()
    if damage == "flip":
        path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    else:
        path.unlink()
    try:
        found = wrong(trace(made.lake, order, mlflow))
    finally:
        path.write_bytes(whole)
    # What can only be told from the damaged file cannot be told.
    untold = {"optimized_parameters": ("parameter set", "trial"), "raw_candles": ("provider",)}.get(asset, ())
    assert found == {asset: BROKEN if damage == "flip" else MISSING, **dict.fromkeys(untold, MISSING)}


@pytest.mark.parametrize(
    ("hop", "statement"),
    [
        ("order", "UPDATE order_intents SET units = units + 1"),
        ("order", "UPDATE order_intents SET stop_price = stop_price + 0.0001"),
        ("order", "UPDATE order_intents SET state = 'REJECTED'"),
        ("fill", "UPDATE fills SET price = price + 0.0001"),
        ("fill", "UPDATE fills SET commission = 0 WHERE reason = 'entry'"),
        ("signal", "UPDATE signals SET risk_fraction = 2 * risk_fraction"),
        ("signal", "UPDATE signals SET side = -side"),
        ("decision", "UPDATE decisions SET side = -side"),
        ("decision", "UPDATE decisions SET dagster_run_id = 'another'"),
        ("decision", "UPDATE decisions SET sha256 = 'f' || substr(sha256, 2)"),
        ("decision", """UPDATE decisions SET payload_json = replace(payload_json, '"reason":"', '"reason":"x')"""),
        ("closed candles", "UPDATE live_candles SET close = close + 0.0001"),
        ("closed candles", "UPDATE live_candles SET sha256 = 'g' || substr(sha256, 2)"),
        ("closed candles", "DELETE FROM live_candles WHERE id = 2"),
        ("deployment", "UPDATE deployment_evidence SET override_reason = 'all gates passed'"),
        ("deployment", "UPDATE deployment_evidence SET commit_sha = 'another'"),
        ("trial", "UPDATE optimization_parameters SET parameter_value = '6' WHERE parameter_name = 'risk_max_holding_hours'"),
        ("trial", "UPDATE trial_ledger SET seed = '8'"),
        ("trial", "UPDATE trial_ledger SET params_sha256 = 'f' || substr(params_sha256, 2)"),
        ("features", "UPDATE artifacts SET commit_sha = 'another' WHERE asset = 'features'"),
        ("features", "UPDATE artifacts SET seed = '8' WHERE asset = 'features'"),
        ("features", "UPDATE artifacts SET code_sha256 = 'another' WHERE asset = 'features'"),
        ("forecasts", "UPDATE artifacts SET dagster_run_id = 'another' WHERE asset = 'forecasts'"),
        ("diffusion_model", """UPDATE artifacts SET summary_json = '{"loss":0.0}' WHERE asset = 'diffusion_model'"""),
        ("diffusion_model", "UPDATE artifacts SET model_version = '2' WHERE asset = 'diffusion_model'"),
        (
            "features",
            "UPDATE artifact_inputs SET sha256 = 'x' WHERE child_id = (SELECT id FROM artifacts WHERE asset = 'features')",
        ),
        ("lineage ledger", "UPDATE lineage_ledger SET created_at = '2020' WHERE seq = 5"),
        ("lineage ledger", "UPDATE lineage_ledger SET payload_json = '{}' WHERE kind = 'stop_tightened'"),
    ],
)
def test_trace_names_exactly_the_row_that_was_edited(made: Stage, order: str, hop: str, statement: str) -> None:
    with edited(made, statement):
        found = wrong(trace(made.lake, order, mlflow))
    assert found == {hop: BROKEN}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM fills WHERE reason != 'entry'", {"fill": MISSING}),
        ("DELETE FROM signals", {"signal": MISSING, "decision": MISSING}),
        ("DELETE FROM trial_ledger", {"trial": MISSING}),
        ("UPDATE decisions SET payload_json = 'x' || payload_json", {"decision": BROKEN, "closed candles": BROKEN}),
        ("UPDATE lineage_ledger SET payload_json = 'x' WHERE seq = 1", {"lineage ledger": BROKEN, "raw_candles": BROKEN}),
        ("UPDATE deployment_evidence SET validation_id = 'gone'", {"deployment": BROKEN, "validation": MISSING}),
    ],
)
def test_trace_goes_on_where_something_is_gone(made: Stage, order: str, statement: str, expected: dict[str, str]) -> None:
    with edited(made, statement):
        found = wrong(trace(made.lake, order, mlflow))
    assert found == expected


@pytest.mark.parametrize(("said", "status"), [("another file", BROKEN), (None, MISSING)])
def test_trace_names_a_model_version_whose_copy_is_not_the_artifact(
    made: Stage, order: str, said: str | None, status: str
) -> None:
    found = wrong(trace(made.lake, order, lambda artifact: {**mlflow(artifact), "file_sha256": said}))
    assert found == {"model version": status}


def test_trace_tells_a_chain_that_was_written_anew_by_the_head_that_mlflow_has(made: Stage, order: str) -> None:
    def anchored_at(head: str) -> dict[str, str]:
        return wrong(trace(made.lake, order, lambda artifact: {**mlflow(artifact), "ledger_head": head}))

    with made.ledger.reading() as connection:
        third = list(entries(connection))[2].hash
    assert anchored_at(third) == {}
    assert anchored_at("f" * 64) == {"model version": BROKEN}


def test_trace_without_an_mlflow_store_says_what_is_missing(made: Stage, order: str) -> None:
    from fxgpt_core.live.genealogy import mlflow_check

    found = trace(made.lake, order, mlflow_check(f"sqlite:///{made.root / 'none.db'}"))
    assert wrong(found) == {"model version": MISSING}


def test_trace_as_text_has_a_line_for_each_hop_and_marks_the_broken_one(made: Stage, order: str) -> None:
    text = as_text(trace(made.lake, order, mlflow))
    assert text.startswith(f"order {order}: every hop is ok")
    assert text.count("  ok      ") == len(trace(made.lake, order, mlflow).hops)
    with edited(made, "UPDATE fills SET price = 9.0 WHERE reason = 'entry'"):
        broken = as_text(trace(made.lake, order, mlflow))
    assert " hops NOT ok" in broken
    assert "  BROKEN  fill " in broken


def test_trace_takes_less_than_half_a_second(made: Stage, order: str) -> None:
    trace(made.lake, order, mlflow)
    began = time.process_time()
    trace(made.lake, order, mlflow)
    assert time.process_time() - began < 0.5


def test_trace_needs_no_heavy_library(made: Stage, order: str) -> None:
    """The verb itself, on a real line: what it imports decides whether it answers within its second."""
    heavy = ("torch", "mlflow", "pandas", "polars", "numpy", "numba", "scipy", "optuna", "sqlalchemy.orm",
             "sqlalchemy.dialects.postgresql")  # fmt: skip
    script = (
        "import contextlib, io, sys; from pathlib import Path; import fxgpt_core.cli.main; import fxgpt_core.cli.stored\n"
        "from fxgpt_core.live.genealogy import mlflow_check, trace; from fxgpt_core.registry.lake import Lake\n"
        "from fxgpt_core.registry.code_identity import code_identity; from fxgpt_core.registry.ledger import Ledger\n"
        f"root = Path({str(made.root)!r}); lake = Lake(root / 'lake', Ledger(f'sqlite:///{{root}}/ledger.db'), code_identity())\n"
        f"assert trace(lake, {order!r}, mlflow_check(f'sqlite:///{{root}}/none.db')).hops\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_trace_artifact_ids_are_hashes_anyone_can_compute_again(made: Stage) -> None:
    """The oracle: an id from nothing but the file and the recipe's own words."""
    features = made.lake.latest("features", "EURUSD", "1h")
    recipe = {
        "asset": "features", "symbol": "EURUSD", "timeframe": "1h", "code_sha256": "0" * 64, "settings": {}, "seed": 7,
        "inputs": [made.lake.latest("candles", "EURUSD", "1h").id],
    }  # fmt: skip
    expected = {"recipe_sha256": content_hash.of_json(recipe), "sha256": content_hash.of_bytes(Path(features.path).read_bytes())}
    assert features.id == content_hash.of_json(expected)
