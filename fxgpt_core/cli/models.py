"""fxgpt models list | show | verify: the trained models that are kept as folders, version by version."""

import json as json_text
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_pairs, tell_table
from fxgpt_core.errors import CorruptArtifactError
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.registry.model_folders import ModelFolder, ModelFolders

HELP = """Look at trained models.

Example: fxgpt models list
"""
app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)

VersionOption = Annotated[int | None, typer.Option("--version", min=1, help="Number of the version; else the latest.")]


@app.command("list")
def list_models(json: JsonFlag = False) -> None:
    """Every kept version of every model; of each symbol and timeframe the latest five are kept.

    Example: fxgpt models list --json
    """
    folders = _folders()
    rows = [_row(folders, folder) for folder in folders.list()]
    told = [row | {"shrink": _believed(row["shrink"])} for row in rows]
    answer({"models": rows}, json, lambda: tell_table(told, "no model is kept; materialize diffusion_model, or run `make demo`"))


@app.command("show")
def show(symbol: SymbolOption, timeframe: TimeframeOption, version: VersionOption = None, json: JsonFlag = False) -> None:
    """What one version is: its sizes, its features, the numbers of its training, and what it was made of.

    Example: fxgpt models show --symbol EURUSD --timeframe 1h
    """
    folders = _folders()
    folder = _found(folders, symbol, timeframe, version)
    tables = {name.removesuffix(".json"): table for name, table in _tables(folders, folder).items() if name != "sample.json"}

    def tell() -> None:
        say(f"{folder.symbol} {folder.timeframe} v{folder.version}  {folder.path}")
        tell_pairs(tables["metadata"] | tables["metrics"])
        say(f"features: {', '.join(tables['feature_names'])}")

    answer({**_name(folder), **tables}, json, tell)


@app.command("verify")
def verify(symbol: SymbolOption, timeframe: TimeframeOption, version: VersionOption = None, json: JsonFlag = False) -> None:
    """Compare every file of a version with its checksum (6 if one is missing or changed); loading it also lets it infer.

    Example: fxgpt models verify --symbol EURUSD --timeframe 1h --version 3
    """
    folders = _folders()
    folder = _found(folders, symbol, timeframe, version)
    checked = sorted(folders.read(folder))
    answer({**_name(folder), "files": checked}, json, lambda: say(f"{folder.path}: {len(checked)} files as they were written"))


def _believed(shrink: dict[str, float] | None) -> str | None:
    from fxgpt_core.forecasts.horizons import HORIZONS

    if shrink is None:
        return None
    return ", ".join(f"{shrink[horizon]:g} to {horizon}" for horizon in HORIZONS if horizon in shrink)


def _folders() -> "ModelFolders":
    from fxgpt_core.registry.model_folders import ModelFolders

    return ModelFolders(read_settings().model_root)


def _found(folders: "ModelFolders", symbol: str, timeframe: str, version: int | None) -> "ModelFolder":
    from fxgpt_core.market import symbols, timeframes

    return folders.find(symbols.symbol(symbol).name, str(timeframes.timeframe(timeframe)), version)


def _tables(folders: "ModelFolders", folder: "ModelFolder") -> dict[str, Any]:
    return {name: json_text.loads(data) for name, data in folders.read(folder).items() if name.endswith(".json")}


def _name(folder: "ModelFolder") -> dict[str, Any]:
    return {"symbol": folder.symbol, "timeframe": folder.timeframe, "version": folder.version, "path": str(folder.path)}


def _row(folders: "ModelFolders", folder: "ModelFolder") -> dict[str, Any]:
    """One line of the list; a damaged version is told as such and does not hide the others."""
    try:
        tables = _tables(folders, folder)
    except CorruptArtifactError as error:
        return {**_name(folder), "made": None, "denoiser": None, "shrink": None, "damaged": str(error)}
    config, made = tables["config.json"], tables["metadata.json"].get("made")
    return {**_name(folder), "made": made, "denoiser": config["network"]["kind"], "shrink": config["shrink"], "damaged": None}
