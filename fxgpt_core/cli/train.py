"""fxgpt train: train the model of a symbol and timeframe, or tell beforehand how, for how long and with how much memory."""

import json as json_text
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from fxgpt_core import errors
from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_table
from fxgpt_core.errors import BadInputError, FxgptError, MissingError
from fxgpt_core.settings import Settings, read_settings

PlanFlag = Annotated[bool, typer.Option("--plan", help="Train nothing: tell the plan, minutes and memory.")]
PresetOption = Annotated[str, typer.Option("--preset", help="tiny, demo, base or large.")]
ForceOption = Annotated[list[str], typer.Option("--force", help="A row of the plan, such as precision=fp32; may be repeated.")]
SHOWN = ("name", "asked", "used", "why", "measured", "force")
TRAIN_SHARE = 0.5
PREVIEW = "fxgpt_core.training.preview"
PROGRAM = "fxgpt_pipelines.train"


def train(
    symbol: SymbolOption = "EURUSD",
    timeframe: TimeframeOption = "1h",
    preset: PresetOption = "demo",
    plan: PlanFlag = False,
    force: ForceOption = [],  # noqa: B006 -- typer reads it, nobody writes it
    json: JsonFlag = False,
) -> None:
    """Train the diffusion model on the stored features (asset diffusion_model); a training that was stopped goes on.

    Example: fxgpt train --plan --symbol EURUSD --timeframe 1h --preset base
    """
    from fxgpt_core.market import symbols, timeframes

    wanted, length = symbols.symbol(symbol).name, str(timeframes.timeframe(timeframe))
    settings, forced = read_settings(), _forced(force)
    if plan:
        _tell_plan(settings, (wanted, length), preset, forced, json)
        return
    # Dagster runs it: in a program of its own, since the command line knows nothing of Dagster and starts without torch.
    order = json_text.dumps({"symbol": wanted, "timeframe": length, "preset": preset, "force": forced, "json": json})
    done = subprocess.run([sys.executable, "-m", PROGRAM, order], check=False)  # noqa: S603
    if done.returncode:
        raise typer.Exit(done.returncode)


def _forced(given: Sequence[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    wrong = [name for name, sign, value in pairs if not (name and sign and value)]
    if wrong:
        raise BadInputError(f"--force {wrong[0]} found; it is a name and a value, such as precision=fp32")
    return {name: value for name, _, value in pairs}


def _tell_plan(settings: Settings, place: tuple[str, str], preset: str, forced: dict[str, str], json: bool) -> None:
    symbol, timeframe = place
    candles = _trained_on(settings, symbol, timeframe)
    order = {"preset": preset, "timeframe": timeframe, "candles": candles, "force": forced, "folder": str(settings.data_root)}
    done = subprocess.run([sys.executable, "-m", PREVIEW, json_text.dumps(order)], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise FxgptError(f"the preview ended with code {done.returncode}: {done.stderr.strip()[-500:]}; run it again")
    found: dict[str, Any] = json_text.loads(done.stdout)
    if "error" in found:
        kinds = (errors.BadInputError, errors.NotReadyError)
        raise next((kind for kind in kinds if kind.exit_code == found["exit_code"]), FxgptError)(found["error"])
    payload = {"symbol": symbol, "timeframe": timeframe, "preset": preset, "candles": candles, **found}

    def tell() -> None:
        tell_table([{name: row[name] for name in SHOWN} for row in found["plan"]], "no plan")
        say(f"{symbol} {timeframe}, preset {preset}: {candles} candles, {found['windows']} windows, {found['weights']} weights")
        say(f"about {found['minutes']:.1f} min at {found['windows_per_s']:.0f} windows/s, {found['micro_batch']} at a time")
        say(f"peak memory {found['peak_bytes'] / 1e6:.0f} MB, of it data {found['data_bytes'] / 1e6:.1f} MB")

    answer(payload, json, tell)


def _trained_on(settings: Settings, symbol: str, timeframe: str) -> int:
    """Candles of the training span of the stored features."""
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake

    stored = read_only_lake(settings, opened_ledger(settings)).latest("features", symbol, timeframe)
    if stored.rows is None:
        raise MissingError(f"the features {stored.id} tell no number of rows; materialize features for {symbol} {timeframe}")
    return int(stored.rows * TRAIN_SHARE)


VERBS: dict[str, Callable[..., Any]] = {"train": train}
