"""`python -m fxgpt_pipelines.train ORDER`: one materialization of diffusion_model with its progress on the terminal.

ORDER is a JSON object: symbol, timeframe, preset, force, json; `fxgpt train` gives it.
"""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fxgpt_core.cli import failure
from fxgpt_core.settings import read_settings
from fxgpt_pipelines.progress import Steps

ASSET = "diffusion_model"


def main(order: Mapping[str, Any]) -> int:
    """Train; returns the exit code (see fxgpt_core/errors.py) after saying what went wrong, without a traceback."""
    logging.getLogger("dagster").setLevel(logging.ERROR)
    settings = read_settings()
    try:
        from fxgpt_pipelines.instance.home import opened_instance
        from fxgpt_pipelines.running import Runner

        # With --json nothing but the answer goes to stdout.
        steps = Steps({}, sys.stderr if order["json"] else sys.stdout)
        with opened_instance(settings) as instance, steps.step(ASSET):
            runner = Runner(instance, order["symbol"], order["timeframe"], steps.tell)
            made = runner.materialize(ASSET, {"preset": order["preset"], "force": order["force"]})
            version = str(made.metadata["model_version"])
            steps.made(version, made.seconds, reused=made.reused)
    except BaseException as error:  # noqa: BLE001 -- the edge: told in one line, the traceback goes to the log folder
        return failure.told(error, bool(order["json"]), settings.data_root / "logs", datetime.now(UTC))
    if order["json"]:
        answer = {"run": made.run_id, "reused": made.reused, "model_version": version, "seconds": made.seconds}
        sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
