"""A stored run as studies of Optuna, in a new SQLite file that its dashboard opens: the front, what was kept, and the best.

Optuna's store needs tens of milliseconds for a trial, a thousand times what the ledger does, so that not all of them are written.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.objectives import DIRECTIONS, Weights, weighted
from fxgpt_core.optimization.pareto import feasible_front
from fxgpt_core.optimization.searching import SCREEN
from fxgpt_core.optimization.space import decoded
from fxgpt_core.registry.evaluations import OBJECTIVES, Evaluations
from fxgpt_core.registry.searches import SearchRow
from fxgpt_core.strategy.definitions import Kind, ParameterDefinition, ParameterValue
from fxgpt_core.strategy.parameters import searched_definitions

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

IntArray = npt.NDArray[np.int64]
CONSTRAINT = "limits"
"""The constraint's name; its value is the violation, 0 where every limit is kept, as Optuna wants it: at most 0 is feasible."""


@dataclass(frozen=True)
class ExportedRun:
    """A run to export: `name` begins the names of its studies; `fitted` are the parameters that assets were made with."""

    name: str
    searches: tuple[SearchRow, ...]
    evaluations: Evaluations
    fitted: Mapping[str, ParameterValue]


def export(
    run: ExportedRun, file: Path, most: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, int]:
    """Write a study for each search with trials, of at most `most` trials each; how many each holds, by its name.

    The file is there whole or not at all. `progress(done, total)` counts trials.

    Objectives are in their natural signs and named, and each trial tells its number, its set's hash, its phase and its search.
    Raises `BadInputError` for a file that is there, for `most` below 1, and for a run without a trial that has a genome.
    """
    if file.exists():
        raise BadInputError(f"{file} is there already; studies are only added to a new file; name another one, or remove it")
    if most < 1:
        raise BadInputError(f"at most {most} trials a study; at least 1 is needed")
    chosen = {each.search: rows for each in run.searches if len(rows := exported_rows(run.evaluations, each, most))}
    if not chosen:
        raise BadInputError(f"{run.name} has no trial to export; its searches must have begun")
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    written = _written(run, chosen, part, progress)
    part.replace(file)
    return written


def _written(
    run: ExportedRun, chosen: Mapping[int, IntArray], file: Path, progress: Callable[[int, int], None]
) -> dict[str, int]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    written, done, total = {}, 0, sum(map(len, chosen.values()))
    for search in run.searches:
        if search.search in chosen:
            study = _study(run, search, storage)
            for trial in _trials(run, search, chosen[search.search]):
                study.add_trial(trial)
                done += 1
                progress(done, total)
            written[study.study_name] = len(chosen[search.search])
    storage.engine.dispose()
    return written


def exported_rows(evaluations: Evaluations, search: SearchRow, most: int) -> IntArray:
    """The rows int64[K] of a search's evaluations to be written, K ≤ `most`, in the order they were made.

    First its front, then what it kept in the end, then the best others: those nearest to keeping every limit, of these by the
    weighted objective. A screen on coarser candles is another thing, and left out.
    """
    own = np.flatnonzero((evaluations.search == search.search) & (evaluations.phase != SCREEN))
    objectives, violation = evaluations.objectives[own], evaluations.violation[own]
    place = np.full(len(own), 2)
    place[np.isin(evaluations.number[own], search.population)] = 1
    place[feasible_front(objectives, violation)] = 0
    order = np.lexsort((-weighted(objectives, Weights()), violation, place))
    rows: IntArray = np.sort(own[order[:most]])
    return rows


def _study(run: ExportedRun, search: SearchRow, storage: object) -> "Study":
    import optuna

    name = f"{run.name}, search {search.search}: {search.phase}, {search.regime}"
    study = optuna.create_study(study_name=name, storage=storage, directions=list(DIRECTIONS))  # type: ignore[arg-type]
    with warnings.catch_warnings():
        # Optuna may still change this call; that it is there in the version asked for is tested.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(list(OBJECTIVES))
    told = {"engine": search.engine, "phase": search.phase, "regime": search.regime, "ended": search.reason or "not yet"}
    told |= {"train window": f"{search.window_start:%Y-%m-%d %H:%M} .. {search.window_end:%Y-%m-%d %H:%M}"}
    for key, value in told.items():
        study.set_user_attr(key, value)
    return study


def _trials(run: ExportedRun, search: SearchRow, rows: IntArray) -> "Iterator[FrozenTrial]":
    from optuna.trial import create_trial

    found, space = run.evaluations, _distributions()
    for row in rows.tolist():
        values = decoded(found.genome[row], run.fitted)
        yield create_trial(
            params={name: getattr(values, name) for name in space},
            distributions=space,
            values=found.objectives[row].tolist(),
            user_attrs={
                "trial": int(found.number[row]),
                "params_sha256": found.params_sha256[row],
                "search": search.search,
                "phase": str(found.phase[row]),
                "kept": int(found.number[row]) in search.population,
            },
            constraints={CONSTRAINT: float(found.violation[row])},
        )


def _distributions() -> "dict[str, BaseDistribution]":
    return {definition.name: _distribution(definition) for definition in searched_definitions()}


def _distribution(definition: ParameterDefinition) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if definition.low is None or definition.high is None:
        return CategoricalDistribution((False, True) if definition.kind is Kind.BOOL else definition.choices)
    if definition.kind is Kind.INT:
        return IntDistribution(int(definition.low), int(definition.high))
    return FloatDistribution(definition.low, definition.high, log=definition.log)
