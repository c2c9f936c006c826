"""The parent of a gateway: starts it again when it dies or hangs, slower each time; nothing else, so that it does not die itself.

It ends with the gateway when that ends in order, and when it refuses to run (another process holds the account): to start it
again would not help. Whether a gateway that dies again and again may still trade is asked by the crash guard, not here.
"""

import asyncio
import contextlib
import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from fxgpt_core.errors import RefusedError
from fxgpt_core.live.state_of_trading import alert, resolve_alerts
from fxgpt_core.live.timer import Timer
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import heartbeats, positions

ENDED_BY_SIGNAL = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class SupervisorSettings:
    """Times in seconds. A gateway whose heartbeat is older than `silent_s` hangs; one that lived for `lived_s` was well."""

    silent_s: float = 30.0
    alert_s: float = 120.0
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    lived_s: float = 600.0
    look_s: float = 1.0
    grace_s: float = 20.0


class Supervisor:
    """Keeps `command` running for an account; `tell` is told what happens, a line each."""

    def __init__(
        self,
        ledger: Ledger,
        account: str,
        command: Sequence[str],
        tell: Callable[[str], None],
        settings: SupervisorSettings = SupervisorSettings(),
        rng: random.Random | None = None,
    ) -> None:
        self._ledger, self._account, self._command, self._tell = ledger, account, tuple(command), tell
        self._settings, self._rng = settings, rng or random.Random()  # noqa: S311 it spreads restarts, it hides nothing
        self._looks = Timer(settings.look_s)
        self._is_alerted = True  # an earlier process may have raised one

    async def run(self, stop: asyncio.Event) -> int:
        """Until `stop` is set or the gateway ends by itself in order; the exit code of the gateway."""
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            code = await self._one_life(stop)
            if stop.is_set() or code in (0, RefusedError.exit_code):
                return code
            lived = asyncio.get_running_loop().time() - began
            failures = 0 if lived >= self._settings.lived_s else failures + 1
            longest = min(self._settings.longest_pause_s, self._settings.first_pause_s * 2.0 ** min(failures, 16))
            pause = self._rng.uniform(0.5 * longest, longest)
            self._tell(f"the gateway of {self._account} ended with {code} after {lived:.0f} s; it starts again in {pause:.1f} s")
            try:
                await asyncio.wait_for(stop.wait(), pause)
            except TimeoutError:
                continue
            return code

    async def _one_life(self, stop: asyncio.Event) -> int:
        process = await asyncio.create_subprocess_exec(*self._command, stdin=asyncio.subprocess.DEVNULL)
        self._tell(f"gateway of {self._account} started, process {process.pid}")
        ending = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(stop.wait())
        started = self._ledger.now()
        try:
            while not ending.done():
                await asyncio.wait({ending, stopping}, timeout=self._settings.look_s, return_when=asyncio.FIRST_COMPLETED)
                if stopping.done() and not ending.done():
                    await self._end(process, ending)
                elif not ending.done() and self._looks.due():
                    self._look(process, started)
        finally:
            stopping.cancel()
            if not ending.done():
                _signal(process, signal.SIGKILL)
                await process.wait()
        return ending.result()

    async def _end(self, process: asyncio.subprocess.Process, ending: "asyncio.Task[int]") -> None:
        """Ask it to end; it finishes the step it is in. One that does not is killed: no step minds."""
        _signal(process, signal.SIGTERM)
        await asyncio.wait({ending}, timeout=self._settings.grace_s)
        if not ending.done():
            _signal(process, signal.SIGKILL)
            await ending

    def _look(self, process: asyncio.subprocess.Process, started: datetime) -> None:
        """Kill a gateway that does not beat any more; who waits for it hears of it after a while."""
        silent = self._ledger.now() - max(self._last_beat() or started, started)
        if silent <= timedelta(seconds=self._settings.silent_s):
            self._resolve(started)
            return
        self._tell(f"the gateway of {self._account} has not shown itself for {silent.total_seconds():.0f} s: it is killed")
        if silent > timedelta(seconds=self._settings.alert_s) or self._has_positions():
            self._alert(silent)
        _signal(process, signal.SIGKILL)

    def _last_beat(self) -> datetime | None:
        asked = select(heartbeats.c.at).where(heartbeats.c.process == f"gateway:{self._account}")
        with self._ledger.reading() as connection:
            found: datetime | None = connection.execute(asked).scalar_one_or_none()
        return found

    def _has_positions(self) -> bool:
        mine = (positions.c.account == self._account, positions.c.state == "open")
        with self._ledger.reading() as connection:
            return connection.execute(select(positions.c.position_id).where(*mine).limit(1)).first() is not None

    def _alert(self, silent: timedelta) -> None:
        self._is_alerted = True
        with self._ledger.begin() as connection:
            alert(
                connection, self._ledger, "gateway_silent", f"gateway_silent:{self._account}",
                f"the gateway of {self._account} did not show itself for {silent.total_seconds():.0f} s and was started again",
                "Look into its log and at the account at the broker; stops and targets rest there.",
            )  # fmt: skip

    def _resolve(self, started: datetime) -> None:
        """It shows itself again: what was raised about it is over."""
        beat = self._last_beat()
        if self._is_alerted and beat is not None and beat > started:
            with self._ledger.begin() as connection:
                resolve_alerts(connection, self._ledger, f"gateway_silent:{self._account}")
            self._is_alerted = False


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """One that has ended by itself meanwhile needs none."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
