"""A gateway process that is killed at random moments and started again."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path


class Lives:
    """One gateway after the other, each with the same config; what they print is kept in `log`."""

    def __init__(self, config: Path, log: Path) -> None:
        self._command = (sys.executable, "-m", "fxgpt_core.live.chaos.process", str(config))
        self._log, self.kills = log, 0
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start a gateway."""
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    async def kill(self) -> None:
        """End the gateway as a power cut would, and start the next."""
        await self._end(signal.SIGKILL)
        self.kills += 1
        await self.start()

    def require_alive(self) -> None:
        """Raise `RuntimeError` with its last words when the gateway has ended by itself: no fault may do that."""
        process = self._process
        if process is not None and process.returncode is not None:
            tail = self._log.read_text(encoding="utf-8", errors="replace")[-4000:]
            raise RuntimeError(f"the gateway ended by itself with {process.returncode}: {tail}")

    async def stop(self) -> None:
        """Ask the gateway to end in order."""
        await self._end(signal.SIGTERM)

    async def _end(self, by: int) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(by)
            await self._process.wait()
