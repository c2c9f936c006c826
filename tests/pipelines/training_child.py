"""A training in a process of its own, which is killed (SIGKILL) when it tells of a step."""

import os
import signal
import sys
from pathlib import Path

import dagster as dg
from tiny_line import CONFIG, resources

from fxgpt_pipelines.running import Runner


def main(root: Path, dies_at: str) -> None:
    def listen(line: str) -> None:
        if line.startswith(f"step {dies_at}/"):
            os.kill(os.getpid(), signal.SIGKILL)

    with dg.DagsterInstance.ephemeral() as instance:
        Runner(instance, "EURUSD", "1h", listen, resources(root)).materialize("diffusion_model", CONFIG["diffusion_model"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
