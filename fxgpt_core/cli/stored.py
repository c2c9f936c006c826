"""What a verb finds stored: the ledger opened (and never made by looking at it), and the pieces of a backtest in the lake."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fxgpt_core.errors import BadInputError, LedgerMissingError
from fxgpt_core.registry.database_url import SQLITE_PREFIX
from fxgpt_core.settings import Settings

if TYPE_CHECKING:
    from fxgpt_core.market.charges import Charges
    from fxgpt_core.optimization.made_components import Used
    from fxgpt_core.optimization.problem import Problem
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Lake
    from fxgpt_core.registry.ledger import Ledger
    from fxgpt_core.strategy.definitions import ParameterValue
    from fxgpt_core.strategy.parameters import StrategyParameters
    from fxgpt_core.validation.folds import Window

PROJECT_ROOT = Path(__file__).resolve().parents[2]
# What marks a stored proposal, whose evidence stands beside its parameters.
PROPOSAL_HASH = "params_sha256"
SHOWN = 5
RESTS_ON = ("candles", "diffusion_model", "forecasts", "calibration_quantiles")
SEARCH_ROOMS = (
    "market", "candles", "context", "features", "regimes", "patterns", "forecasts", "conformal", "strategy", "portfolio",
    "backtest", "performance", "validation",
)  # fmt: skip


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL, None for another database."""
    return Path(url.removeprefix(SQLITE_PREFIX)) if url.startswith(SQLITE_PREFIX) else None


def opened_ledger(settings: Settings) -> "Ledger":
    """The migrated ledger of a set-up; never makes a file or folder. Raises what `Ledger.require_migrated` raises."""
    file = sqlite_file(settings.ledger_url)
    if file is not None and not file.exists():
        raise LedgerMissingError(f"there is no ledger at {file}; it is needed for this. Run `fxgpt setup`, or `make demo`.")
    from fxgpt_core.registry.ledger import Ledger

    ledger = Ledger(settings.ledger_url)
    ledger.require_migrated()
    return ledger


def read_only_lake(settings: Settings, ledger: "Ledger") -> "Lake":
    """The lake of a set-up, for reading: nothing is made through it, so the code's identity is not asked of git."""
    from fxgpt_core.registry.code_identity import UNKNOWN, CodeIdentity
    from fxgpt_core.registry.lake import Lake

    return Lake(settings.lake_root, ledger, CodeIdentity(UNKNOWN, None, UNKNOWN))


@dataclass(frozen=True, eq=False)
class StoredProblem:
    """A problem put together from the lake; `unseen` is the test span, which neither model nor calibration saw.

    `charges`: what the account is charged in mode FX; None: flat costs, by the rules of PARITY.
    """

    problem: "Problem"
    unseen: "Window"
    artifacts: dict[str, str]
    charges: "Charges | None" = None


def parts_named(text: str | None) -> tuple[str, ...]:
    """The components of a list with commas. Raises `BadInputError` for one that is unknown."""
    from fxgpt_core.optimization.made_components import known_parts

    return known_parts([name.strip() for name in text.split(",")]) if text else ()


def stored_problem(
    settings: Settings, symbol: str, timeframe: str, used: "Used | None" = None, without: tuple[str, ...] = ()
) -> StoredProblem:
    """The latest candles, forecasts, calibration and components of a symbol and timeframe.

    Components are those that are used; by default patterns and all that have been made, but for those `without`.

    Raises `UnknownSymbolError`, `UnknownTimeframeError`, `LedgerMissingError`, `MissingError` naming the asset to make, and
    `CorruptArtifactError` when the bytes are not those that were written.
    """
    from fxgpt_core.market import symbols, timeframes

    wanted, length = symbols.symbol(symbol), timeframes.timeframe(timeframe)
    lake = read_only_lake(settings, opened_ledger(settings))
    from fxgpt_core.optimization.made_components import Used, parts_of, read_parts

    def read(asset: str, symbol: str | None = None, role: str | None = None) -> "Artifact":
        return lake.latest(asset, symbol or wanted.name, str(length))

    found = {name: read(name) for name in RESTS_ON}
    made = parts_of(lake, wanted.name, str(length), None)
    used = used or Used(tuple(part for part in made if part not in without))
    return problem_of(found | read_parts(used.parts, wanted.name, read), used)


def problem_of(stored: "Mapping[str, Artifact]", used: "Used") -> StoredProblem:
    """The problem of certain artifacts by role, one of each of `RESTS_ON` and those of the components that are used.

    Raises `CorruptArtifactError`, `RefusedError`.
    """
    from fxgpt_core import content_hash
    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.conformal.bands import bands_behind
    from fxgpt_core.conformal.calibration import Calibration
    from fxgpt_core.forecasts.forecast import Forecasts
    from fxgpt_core.market import costs, symbols, timeframes
    from fxgpt_core.optimization.made_components import components_of, known_of
    from fxgpt_core.optimization.problem import Problem
    from fxgpt_core.validation.folds import Window

    wanted, length = symbols.symbol(stored["candles"].symbol), timeframes.timeframe(stored["candles"].timeframe)
    # A backtest rests on the model too: a changed file must not pass for the one that was calibrated.
    stored["diffusion_model"].bytes()
    spans = stored["diffusion_model"].summary["spans"]
    candles = candle_arrays(stored["candles"].frame(), length)
    forecasts = Forecasts.from_frame(stored["forecasts"].frame())
    calibration = Calibration.from_json(stored["calibration_quantiles"].bytes().decode())
    summary = stored["forecasts"].summary
    calibration.require(summary["model_sha256"], summary["sampling_sha256"])
    unseen = Window(*spans["test"])
    bands = bands_behind(calibration, forecasts, candles)
    # Costs are those of the last price of the training span, which every later decision may know.
    last_trained = Window(*spans["train"]).slice(candles.known_at_us).stop - 1
    problem = Problem(
        symbol=wanted.name,
        candles=candles,
        bands=bands.select(unseen.mask(bands.known_at_us)),
        costs=costs.costs_for(wanted, float(candles.close[last_trained])),
        code_sha256=content_hash.of_code(PROJECT_ROOT / "fxgpt_core", (*SEARCH_ROOMS, "optimization")),
        components=components_of(wanted.name, known_of(wanted.name, candles, used, stored), stored, used, unseen.start_us),
    )
    return StoredProblem(problem, unseen, {name: artifact.id for name, artifact in stored.items()})


def read_parameters(file: Path | None, fitted: "Mapping[str, ParameterValue] | None" = None) -> "StrategyParameters":
    """The defaults, but what assets were made with as in `fitted`, changed by the names in a JSON file if one is given.

    Raises `BadInputError`, `ParameterError`.
    """
    from fxgpt_core.strategy.parameters import StrategyParameters

    return StrategyParameters.default().replace(**{**(fitted or {}), **(read_changes(file) if file is not None else {})})


def read_changes(file: Path) -> dict[str, Any]:
    """The parameters that a JSON file names, unchecked. Raises `BadInputError`."""
    return _named_parameters(read_object(file), file)


def global_alone(file: Path) -> str:
    """What a person must know of a stored proposal given as a file: of its sets by regime the global one alone is read."""
    sets = read_object(file).get("regime_sets")
    own = isinstance(sets, dict) and sets.get("by_regime")
    return ", its global set alone: its sets by regime are not played" if own else ""


def read_object(file: Path) -> dict[str, Any]:
    """The names and values of a JSON file. Raises `BadInputError` when it holds no object, or a name twice."""
    try:
        values = json.loads(file.read_text(), object_pairs_hook=_without_repeats)
    except (OSError, ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise BadInputError(f"{file} cannot be read as JSON ({said}); an object of names and values is needed") from error
    return _required_object(values, file)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} is there twice")
    return values


def _required_object(values: object, file: Path) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise BadInputError(f"{file} holds a {type(values).__name__}; an object of names and values is needed")
    return values


def _named_parameters(values: dict[str, Any], file: Path) -> dict[str, Any]:
    """The parameters of a file: its own names and values, or those a stored proposal holds beside its evidence."""
    inner = _required_object(values.get("parameters", values), file)
    beside = sorted(set(values) - {"parameters"})
    if inner is values or not beside or PROPOSAL_HASH in values:
        return inner
    raise BadInputError(
        f'{file} has {", ".join(beside[:SHOWN])} beside "parameters", where they change nothing; '
        "put them among the parameters, or remove them"
    )
