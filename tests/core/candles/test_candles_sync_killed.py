"""A download killed with SIGKILL, at twenty points, leaves no partial file, loses no page and ends as one that was not killed."""

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from sync_child import WANTED

import fxgpt_core
from fxgpt_core.candles.pages import STAMP
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.candles.sync import SyncParameters, sync
from tests.recordings.known_source import KnownSource, march, march_candles

N_KILLS = 20
SEED = 20240310


def child(root: Path, dies_at: int) -> "subprocess.CompletedProcess[str]":
    project = str(Path(fxgpt_core.__file__).parents[1])
    path = os.pathsep.join(filter(None, [project, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, str(Path(__file__).with_name("sync_child.py")), str(root), str(dies_at)]
    return subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=60
    )


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def page_span(path: Path) -> tuple[datetime, datetime, pl.DataFrame]:
    start, stop = (datetime.strptime(text, STAMP).replace(tzinfo=UTC) for text in path.name.split("_")[:2])
    return start, stop, pl.read_parquet(path)


def test_a_download_killed_anywhere_leaves_no_partial_file_and_ends_as_one_that_was_not(tmp_path: Path) -> None:
    before = tmp_path / "before"
    stored = sync(
        KnownSource(march_candles()), CandleStore(before), SyncParameters("EURUSD", WANTED.timeframe, march(8), march(6))
    )
    shutil.copytree(before, tmp_path / "whole")
    ended = child(tmp_path / "whole", 0)
    assert ended.returncode == 0, ended.stderr
    whole, n_touches = files(tmp_path / "whole"), int(ended.stdout)
    kept_after, versions_after = set(), set()
    points = np.random.default_rng(SEED).choice(np.arange(1, n_touches + 1), N_KILLS, replace=False).tolist()
    roots = [Path(shutil.copytree(before, tmp_path / f"killed_{dies_at}")) for dies_at in points]
    with ThreadPoolExecutor(2) as pool:
        assert [ended.returncode for ended in pool.map(child, roots, points)] == [-signal.SIGKILL] * N_KILLS
    for root in roots:
        store, folder = CandleStore(root), root / "EURUSD" / "1h"
        latest = store.latest("EURUSD", WANTED.timeframe)
        assert len(store.read(latest)) >= stored.stored.rows
        pages = [page_span(path) for path in folder.glob("pages/*.parquet") if not path.name.startswith(".")]
        for start, stop, frame in pages:
            assert frame.equals(march_candles().filter(pl.col("open_time").is_between(start, stop, closed="left")))
        rest = KnownSource(march_candles())
        sync(rest, store, WANTED)
        if latest == stored.stored:
            assert not {start for start, _, _ in pages} & {start for start, _ in rest.requests}
        assert files(root) == whole
        kept_after.add(len(pages))
        versions_after.add(latest.sha256)
    # The points lie all along the way, or this would show little.
    assert len(kept_after) > N_KILLS // 3
    assert len(versions_after) == 2
