"""Which features a model reads: those that tell most about what follows, again and again, and do not repeat each other.

Mutual information is counted in bins. The nearest neighbours of scikit-learn find almost nothing steady where so little can be
known: over five blocks of hourly EURUSD the ranks of the columns agreed with a correlation of 0.05, in bins of 0.48.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import rel_entr
from scipy.stats import rankdata

from fxgpt_core.errors import BadInputError
from fxgpt_core.features.labels import DIRECTION

FloatArray = npt.NDArray[np.float64]

SMALLEST_DEVIATION = 1e-8
SMALLEST_KNOWN_SHARE = 0.95
SMALLEST_BLOCK = 50
_DIRECTIONS = np.array([-1, 0, 1])


@dataclass(frozen=True)
class SelectionParameters:
    """At most `n_features` columns, no two of them with a rank correlation beyond `largest_correlation`.

    The span is cut into `n_blocks` stretches of time. In each, a column's values fall into `n_bins` equally full bins, and what
    these tell about the directions is compared with what they tell about the same directions moved in time, `n_shifts` times.
    """

    n_features: int = 40
    largest_correlation: float = 0.95
    n_blocks: int = 5
    n_bins: int = 6
    n_shifts: int = 50

    def __post_init__(self) -> None:
        if min(self.n_features, self.n_blocks, self.n_shifts) < 1 or self.n_bins < 2 or not 0.0 < self.largest_correlation <= 1.0:
            raise BadInputError(
                f"{self} found; features, blocks and shifts are at least 1, bins at least 2, and the correlation lies in (0, 1]"
            )


@dataclass(frozen=True)
class Finding:
    """What was found about one column, and `why` it was left out: empty when it is kept.

    `information`: for each block, mutual information with the directions in nats, less its mean over the moved ones.
    `informative_blocks`: in how many blocks it is above all moved ones, as chance alone is in one of n_shifts + 1.
    `rank`: the median over the blocks of its rank by information over the standard deviation of chance, 1 the most informative;
    none for a column that was not ranked.
    """

    feature: str
    why: str = ""
    information: tuple[float, ...] = ()
    informative_blocks: int = 0
    rank: float | None = None


@dataclass(frozen=True)
class Selection:
    """`names` of the chosen columns in the order of the candidates; `findings` about every candidate, from `n_rows` rows."""

    names: tuple[str, ...]
    findings: tuple[Finding, ...]
    n_rows: int


def select_features(
    features: pl.DataFrame, labels: pl.DataFrame, candidates: Sequence[str], parameters: SelectionParameters, *, seed: int
) -> Selection:
    """The columns to use, from the features of a training span and the labels of the same candles: cut the span before both.

    Left out are columns without values or without variation. The others are ranked by what they tell about the directions of
    all horizons, by the median over the blocks, so that one lucky year does not count. From the top, a column is kept unless it
    repeats one that is kept already. `seed` chooses how far the directions are moved. Raises `BadInputError` for features and
    labels of different candles, for a candidate that is not there, and for too few complete rows.
    """
    _require_same_candles(features, labels, candidates)
    left_out = _unknown(features, candidates)
    names = [name for name in candidates if name not in left_out]
    values, directions = _complete(features.select(names), labels.select(pl.col(f"^{DIRECTION}.*$")))
    _require_enough(len(values), len(features), parameters)
    varies = values.std(axis=0) >= SMALLEST_DEVIATION
    left_out |= {name: "does not vary" for name, good in zip(names, varies, strict=True) if not good}
    values, names = values[:, varies], [name for name in names if name not in left_out]
    if not names:
        raise BadInputError(f"none of the {len(candidates)} columns varies over {len(values)} rows; give a span in which they do")
    found = _ranked(names, values, directions, parameters, np.random.default_rng(seed))
    left_out |= _redundant(found, names, values, parameters)
    findings = tuple(replace(found.get(name, Finding(name)), why=left_out.get(name, "")) for name in candidates)
    return Selection(tuple(name for name in candidates if name not in left_out), findings, len(values))


def _unknown(features: pl.DataFrame, candidates: Sequence[str]) -> dict[str, str]:
    """Why columns are left out that lack a value in too many of the rows in which others have one."""
    known = np.isfinite(features.select(candidates).to_numpy())
    begun = known[known.any(axis=1)]
    shares = begun.mean(axis=0) if len(begun) else np.ones(len(candidates))
    return {
        name: f"known in {share:.0%} of the rows only"
        for name, share in zip(candidates, shares.tolist(), strict=True)
        if share < SMALLEST_KNOWN_SHARE
    }


def _complete(features: pl.DataFrame, directions: pl.DataFrame) -> tuple[FloatArray, FloatArray]:
    """float64[N,F] and float64[N,H]: the rows in which every feature and every direction is known."""
    values, classes = features.to_numpy().astype(np.float64), directions.cast(pl.Float64).to_numpy()
    rows = np.isfinite(values).all(axis=1) & np.isfinite(classes).all(axis=1)
    return values[rows], classes[rows]


def _ranked(
    names: Sequence[str],
    values: FloatArray,
    directions: FloatArray,
    parameters: SelectionParameters,
    generator: np.random.Generator,
) -> dict[str, Finding]:
    """The findings about columns float64[N,F] that vary, the best first; equally good ones in their order."""
    blocks = [_informed(values[rows], directions[rows], parameters, generator) for rows in _blocks(len(values), parameters)]
    information, strength, informative = (np.stack(each, axis=1) for each in zip(*blocks, strict=True))
    ranks = np.median(rankdata(-strength, axis=0), axis=1)
    findings = [
        Finding(name, "", tuple(information[c].tolist()), int(informative[c].sum()), float(ranks[c]))
        for c, name in enumerate(names)
    ]
    order = np.lexsort((-strength.mean(axis=1), ranks))
    return {names[c]: findings[c] for c in order.tolist()}


def _blocks(n_rows: int, parameters: SelectionParameters) -> list[slice]:
    edges = np.linspace(0, n_rows, parameters.n_blocks + 1).astype(int).tolist()
    return [slice(start, stop) for start, stop in pairwise(edges)]


def _informed(
    values: FloatArray, directions: FloatArray, parameters: SelectionParameters, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """float64[F]: mutual information with the directions, less what chance gives; float64[F]: that in units of chance's own
    standard deviation; bool[F]: is it above all that chance gave?

    Chance is the same directions moved around the block by at least a tenth of it: that leaves both series as slow as they
    are, where shuffling would make neighbours independent, and any slow column look informative.
    """
    n, n_bins = len(values), parameters.n_bins
    bins = ((rankdata(values, axis=0) - 0.5) * n_bins / n).astype(np.int64)
    in_bin = (bins[:, :, None] == np.arange(n_bins)).reshape(n, -1).astype(np.float32)
    shifts = [0, *generator.integers(n // 10, n - n // 10, parameters.n_shifts).tolist()]
    moved = np.stack([np.roll(directions, shift, axis=0) for shift in shifts], axis=1)
    goes = (moved[..., None] == _DIRECTIONS).reshape(n, -1).astype(np.float32)
    shape = (len(shifts), directions.shape[1], len(_DIRECTIONS), values.shape[1], n_bins)
    joint = (goes.T @ in_bin).reshape(shape).astype(np.float64) / n
    independent = joint.sum(axis=2, keepdims=True) * joint.sum(axis=4, keepdims=True)
    information = rel_entr(joint, independent).sum(axis=(2, 4)).mean(axis=1)
    beyond, spread = information[0] - information[1:].mean(axis=0), information[1:].std(axis=0)
    strength = np.divide(beyond, spread, out=np.zeros(len(beyond)), where=spread > 0.0)
    return beyond, strength, information[0] > information[1:].max(axis=0)


def _redundant(
    found: Mapping[str, Finding], names: Sequence[str], values: FloatArray, parameters: SelectionParameters
) -> dict[str, str]:
    """Why columns are left out that repeat a better one, or come after the last one wanted; `found` has the best first."""
    correlation = np.abs(np.atleast_2d(np.corrcoef(rankdata(values, axis=0), rowvar=False)))
    column = {name: c for c, name in enumerate(names)}
    kept: list[str] = []
    why: dict[str, str] = {}
    for name in found:
        alike = {other: float(correlation[column[name], column[other]]) for other in kept}
        twin = max(alike, key=alike.__getitem__, default=name)
        if alike.get(twin, 0.0) > parameters.largest_correlation:
            why[name] = f"repeats {twin} (rank correlation {alike[twin]:.3f})"
        elif len(kept) == parameters.n_features:
            why[name] = f"tells less than the best {parameters.n_features}"
        else:
            kept.append(name)
    return why


def _require_same_candles(features: pl.DataFrame, labels: pl.DataFrame, candidates: Sequence[str]) -> None:
    missing = [name for name in candidates if name not in features.columns]
    if missing or not candidates:
        raise BadInputError(
            f"the features lack {', '.join(missing[:5]) or 'every column'}; {len(candidates)} columns are to be chosen from; "
            "compute them with features.matrix"
        )
    if not features["open_time"].equals(labels["open_time"]):
        raise BadInputError(
            f"{features.height} rows of features and {labels.height} of labels are not of the same candles; "
            "compute both from the same candles"
        )


def _require_enough(n_rows: int, height: int, parameters: SelectionParameters) -> None:
    needed = parameters.n_blocks * SMALLEST_BLOCK
    if n_rows < needed:
        raise BadInputError(
            f"{n_rows} of {height} rows have all features and labels; a choice of features needs {needed}; give a longer span"
        )
