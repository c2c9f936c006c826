"""Download in a process of its own, which kills itself when it is about to touch the disk for the n-th time."""

import os
import signal
import sys
from pathlib import Path

from fxgpt_core.candles.store import CandleStore
from fxgpt_core.candles.sync import SyncParameters, sync
from fxgpt_core.market.timeframes import Timeframe
from tests.recordings.known_source import KnownSource, march, march_candles

WANTED = SyncParameters("EURUSD", Timeframe.H1, march(14, 9, 20), march(2))
TOUCHES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}


def main(root: Path, dies_at: int) -> None:
    touched = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal touched
        if event in TOUCHES and isinstance(arguments[0], str | bytes | Path) and os.fsdecode(arguments[0]).startswith(str(root)):
            touched += 1
            if touched == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    sync(KnownSource(march_candles()), CandleStore(root), WANTED)
    print(touched)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
