"""The search space: a candidate is a genome, one gene for each parameter that a search may vary.

A gene is a whole number from 0 to 65,535, its place in the parameter's range: every engine proposes genomes, the ledger keeps
them in two bytes a gene, and what is evaluated is always what a genome decodes to, so that a stored trial can be made again.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.strategy.constraints import repaired
from fxgpt_core.strategy.definitions import Kind, ParameterDefinition, ParameterValue
from fxgpt_core.strategy.parameters import StrategyParameters, searched_definitions

Genomes = npt.NDArray[np.uint16]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

TOP = 65_535
"""The largest gene: 1 in the unit interval. A parameter's range is searched in steps of 0.0015 %."""
MAX_SEED = 2**32


def dimension() -> int:
    """How many genes a genome has."""
    return len(searched_definitions())


def decoded(genome: Genomes, fitted: Mapping[str, ParameterValue] | None = None) -> StrategyParameters:
    """The parameter set of a genome uint16[D]; a pair that breaks a constraint (a stop beyond its target) is repaired.

    Parameters that assets were made with are what they were made with (`fitted`), and their defaults where no such asset is
    used. Raises `BadInputError` for another length.
    """
    if genome.shape != (dimension(),):
        raise BadInputError(f"a genome has {dimension()} genes, found is an array of {genome.shape}; it is of another version")
    values = {each.name: _value(each, gene) for each, gene in zip(searched_definitions(), genome.tolist(), strict=True)}
    return StrategyParameters(**repaired({**_defaults(), **(fitted or {}), **values}))


def encoded(parameters: StrategyParameters) -> Genomes:
    """The genome uint16[D] whose set is nearest to a parameter set: numbers are rounded to the steps of the space."""
    return np.array([_gene(each, getattr(parameters, each.name)) for each in searched_definitions()], dtype=np.uint16)


def canonical(genomes: Genomes) -> Genomes:
    """Genomes [n, D] in which every gene that means the same is the same: the middle of its bin. The sets stay what they are."""
    return at_places(places(genomes))


def from_unit(points: FloatArray) -> Genomes:
    """Canonical genomes of points float64[n, D] in the unit cube; what lies outside is taken to its edge."""
    return canonical(np.rint(np.clip(points, 0.0, 1.0) * TOP).astype(np.uint16))


def to_unit(genomes: Genomes) -> FloatArray:
    """Points float64[n, D] of the unit cube."""
    unit: FloatArray = genomes.astype(np.float64) / TOP
    return unit


@cache
def unordered() -> BoolArray:
    """bool[D]: the parameters without an order, names and switches, which are exchanged and never averaged."""
    return np.array([each.kind in (Kind.CATEGORICAL, Kind.BOOL) for each in searched_definitions()])


@cache
def options() -> tuple[int, ...]:
    """How many values each of the D parameters has; 0 for a number of any size."""
    return tuple(_options(each) for each in searched_definitions())


def places(genomes: Genomes) -> FloatArray:
    """float64[n, D]: of each gene the place of its value among those of the parameter, from 0; of a number of any size its place
    in the unit interval. `at_places` is the way back, to canonical genomes.
    """
    found = to_unit(genomes)
    for column, count in enumerate(options()):
        if count:
            found[:, column] = _bins(genomes[:, column], count)
    return found


def at_places(found: FloatArray) -> Genomes:
    """The canonical genomes uint16[n, D] of what `places` gives."""
    genomes = np.empty(found.shape, np.uint16)
    for column, count in enumerate(options()):
        genes = _middles(count)[found[:, column].astype(np.int64)] if count else np.rint(found[:, column] * TOP)
        genomes[:, column] = genes
    return genomes


def distinct(genomes: Genomes, known: Iterable[bytes] = ()) -> Genomes:
    """The genomes [m, D], in their order, that are neither among the known ones nor a second time there."""
    seen, rows = set(known), []
    for row, genome in enumerate(genomes):
        name = genome.tobytes()
        if name not in seen:
            seen.add(name)
            rows.append(row)
    return genomes[rows]


def trial_seed(seed: int, trial_number: int) -> int:
    """The seed of the batch that begins with a trial, from the run's seed and the trial's number, in [0, 2³²)."""
    digest = hashlib.blake2b(f"{seed}:{trial_number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % MAX_SEED


@cache
def _defaults() -> Mapping[str, ParameterValue]:
    return StrategyParameters.default().to_json()


def _options(definition: ParameterDefinition) -> int:
    """How many values a parameter has; 0 for a number of any size."""
    if definition.kind is Kind.BOOL:
        return 2
    if definition.kind is Kind.CATEGORICAL:
        return len(definition.choices)
    low, high = _range(definition)
    return round(high - low) + 1 if definition.kind is Kind.INT else 0


def _range(definition: ParameterDefinition) -> tuple[float, float]:
    if definition.low is None or definition.high is None:
        raise ValueError(f"{definition.name} is a number without a range; give it one in strategy/parameters.py")
    return definition.low, definition.high


def _bins(genes: npt.NDArray[np.uint16], count: int) -> npt.NDArray[np.int64]:
    bins: npt.NDArray[np.int64] = genes.astype(np.int64) * count // (TOP + 1)
    return bins


@cache
def _middles(count: int) -> npt.NDArray[np.uint16]:
    return np.array([((2 * each + 1) * (TOP + 1)) // (2 * count) for each in range(count)], dtype=np.uint16)


def _value(definition: ParameterDefinition, gene: int) -> ParameterValue:
    count = _options(definition)
    if count:
        place = gene * count // (TOP + 1)
        if definition.kind is Kind.BOOL:
            return bool(place)
        return definition.choices[place] if definition.kind is Kind.CATEGORICAL else int(_range(definition)[0]) + place
    low, high = _range(definition)
    share = gene / TOP
    value = low * (high / low) ** share if definition.log else low + share * (high - low)
    return min(max(value, low), high)


def _gene(definition: ParameterDefinition, value: ParameterValue) -> int:
    count = _options(definition)
    if not count:
        low, high = _range(definition)
        number = float(value)
        share = math.log(number / low) / math.log(high / low) if definition.log else (number - low) / (high - low)
        return round(min(max(share, 0.0), 1.0) * TOP)
    if definition.kind is Kind.CATEGORICAL:
        return int(_middles(count)[definition.choices.index(value)])
    first = 0 if definition.kind is Kind.BOOL else int(_range(definition)[0])
    return int(_middles(count)[int(value) - first])
