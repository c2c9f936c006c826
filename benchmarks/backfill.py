"""How long one backfill over many symbols and timeframes takes, and that the same backfill again makes nothing.

    python -m benchmarks.backfill --generated 24
    python -m benchmarks.backfill --shared FOLDER --generated 24 --json

In a fresh home it imports candles of 1h: of four symbols from FOLDER/fx/oanda_h1 (columns: see README), of the others generated
and seeded. Dagster's daemon runs as `make ui` runs it: its sensor makes the symbols partitions, and one backfill, asked for as
its pages ask for it, makes candles, context and features of the four in 1h, 4h and 1d, of the others in 1h. Seconds run from
the request to the end of the last run.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import dagster as dg
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES, PartitionBackfill
from dagster._core.storage.tags import BACKFILL_ID_TAG
from dagster._core.utils import make_new_backfill_id
from sqlalchemy import func, select

from benchmarks.features import generated
from fxgpt_core.candles.providers.files import checked_candle_file
from fxgpt_core.candles.resample import resample
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.errors import BadInputError, FxgptError, MissingError, NotReadyError
from fxgpt_core.market.symbols import SYMBOLS
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.registry.artifact_tables import artifacts
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.migration import upgrade
from fxgpt_core.settings import Settings, read_settings
from fxgpt_pipelines import services
from fxgpt_pipelines.definitions import build_definitions
from fxgpt_pipelines.instance.home import opened_instance
from fxgpt_pipelines.partitions import partition_key

ASSETS = [dg.AssetKey(name) for name in ("raw_candles", "candles", "context_series", "features")]
SHARED = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")
OTHERS = [name for name in SYMBOLS if name not in SHARED]
TIMEFRAMES = ("1h", "4h", "1d")
Cell = tuple[str, str]
SECONDS_BETWEEN_LOOKS = 1.0
PATIENCE_S = 3600.0


@dataclass(frozen=True)
class Backfilled:
    """One backfill: its partitions and how many succeeded, and of their materializations what was made and what was there."""

    partitions: int
    succeeded: int
    seconds: float
    artifacts_made: int
    reused: int


def imported(store: CandleStore, shared: Path | None, n_generated: int, n_hours: int, seed: int) -> list[Cell]:
    """Import the candles of 1h; symbol and timeframe of what is to be made. Raises `MissingError` for a folder without them."""
    for name in SHARED if shared else ():
        path = Path(shared or "") / "fx" / "oanda_h1" / f"{name}_h1.parquet"
        if not path.is_file():
            raise MissingError(f"there is no {path}; a folder with fx/oanda_h1/{name}_h1.parquet is needed; name it by --shared")
        store.put(checked_candle_file(path, Timeframe.H1), name, Timeframe.H1, str(path))
    for number, name in enumerate(OTHERS[:n_generated]):
        frame = resample(generated(60 * n_hours, seed + number), Timeframe.M1, Timeframe.H1)
        store.put(frame, name, Timeframe.H1, "generated")
    of_shared = [(name, timeframe) for name in SHARED for timeframe in TIMEFRAMES] if shared else []
    return of_shared + [(name, "1h") for name in OTHERS[:n_generated]]


def measure(settings: Settings, cells: list[Cell]) -> list[Backfilled]:
    """Two backfills of the same partitions, one after the other."""
    ledger = Ledger(settings.ledger_url)
    upgrade(ledger)
    symbols, keys = {symbol for symbol, _ in cells}, [partition_key(*cell) for cell in cells]
    with opened_instance(settings) as instance, services.Services(settings.data_root / "logs") as started:
        started.start(services.daemon(settings))
        while not symbols <= set(instance.get_dynamic_partitions("symbols")):
            pause(started)
        found = [backfilled(instance, ledger, started, keys) for _ in range(2)]
    ledger.close()
    return found


def backfilled(
    instance: dg.DagsterInstance, ledger: Ledger, started: services.Services, keys: list[dg.MultiPartitionKey]
) -> Backfilled:
    """One backfill of all assets over the partitions, to its end. Raises `NotReadyError` where the daemon ends, or it does."""
    began, before = time.time(), n_artifacts(ledger)
    asked = PartitionBackfill.from_asset_partitions(
        backfill_id=make_new_backfill_id(),
        asset_graph=build_definitions().resolve_asset_graph(),
        partition_names=keys,
        asset_selection=ASSETS,
        backfill_timestamp=began,
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
    instance.add_backfill(asked)
    while (now := instance.get_backfill(asked.backfill_id)) is None or now.status not in BULK_ACTION_TERMINAL_STATUSES:
        if time.time() - began > PATIENCE_S:
            raise NotReadyError(
                f"the backfill has not ended after {PATIENCE_S:.0f} s; fewer symbols may be asked for: --generated"
            )
        pause(started)
    if now.error:
        raise NotReadyError(f"the backfill failed: {now.error.message}")
    runs = instance.get_run_records(dg.RunsFilter(tags={BACKFILL_ID_TAG: asked.backfill_id}))
    whole = [run for run in runs if run.dagster_run.is_success]
    return Backfilled(
        partitions=len(keys),
        succeeded=len({run.dagster_run.tags["dagster/partition"] for run in whole}),
        seconds=max((run.end_time or began for run in runs), default=began) - began,
        artifacts_made=n_artifacts(ledger) - before,
        reused=sum(n_reused(instance, asset, began) for asset in ASSETS),
    )


def n_artifacts(ledger: Ledger) -> int:
    """How many artifacts the ledger names."""
    with ledger.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(artifacts)).scalar_one())


def n_reused(instance: dg.DagsterInstance, asset: dg.AssetKey, since: float) -> int:
    """How many materializations of an asset since then found what they were to make."""
    events = instance.fetch_materializations(dg.AssetRecordsFilter(asset, after_timestamp=since), limit=10_000).records
    told = [event.asset_materialization.metadata for event in events if event.asset_materialization]
    return sum(metadata["made"].value == "unchanged, reused" for metadata in told)


def pause(started: services.Services) -> None:
    """Wait a moment; raises `NotReadyError` where the daemon has ended."""
    started.require_running()
    time.sleep(SECONDS_BETWEEN_LOOKS)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, help="a folder with fx/oanda_h1/EURUSD_h1.parquet, GBPUSD, USDJPY and AUDUSD")
    parser.add_argument("--generated", type=int, default=24, help=f"generated symbols, 0 to {len(OTHERS)}")
    parser.add_argument("--hours", type=int, default=10_000, help="candles of each generated symbol")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    # A user's own database of Dagster's runs is no place for a benchmark.
    os.environ.pop("FXGPT_DAGSTER_PG_URL", None)
    with tempfile.TemporaryDirectory() as root:
        settings = read_settings({"FXGPT_DATA_ROOT": root})
        try:
            if not 0 <= asked.generated <= len(OTHERS) or not (asked.generated or asked.shared):
                raise BadInputError(f"--generated is {asked.generated}; 0 to {len(OTHERS)} can be, 0 only with --shared")
            store = CandleStore(settings.import_root)
            cells = imported(store, asked.shared, asked.generated, asked.hours, asked.seed)
            found = measure(settings, cells)
        except FxgptError as error:
            print(error, file=sys.stderr)
            return error.exit_code
    n_symbols = len({symbol for symbol, _ in cells})
    if asked.json:
        print(json.dumps({"symbols": n_symbols, "first": asdict(found[0]), "again": asdict(found[1])}))
    else:
        print(f"{n_symbols} symbols, assets {', '.join(key.path[-1] for key in ASSETS)}")
        print(f"{'':10}{'partitions':>12}{'succeeded':>12}{'seconds':>10}{'artifacts made':>16}{'reused':>8}")
        for name, one in zip(("first", "again"), found, strict=True):
            print(f"{name:10}{one.partitions:12}{one.succeeded:12}{one.seconds:10.0f}{one.artifacts_made:16}{one.reused:8}")
    return 0 if all(one.succeeded == one.partitions for one in found) and found[1].artifacts_made == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
