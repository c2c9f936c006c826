"""A calibration: what one method learned of one frozen model and sampler on a span that the model never saw."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fxgpt_core import content_hash
from fxgpt_core.conformal.aci import Aci
from fxgpt_core.conformal.cqr import Cqr
from fxgpt_core.conformal.method import Method, State
from fxgpt_core.conformal.mondrian import Mondrian
from fxgpt_core.conformal.nonconformity import conformal_rank, scores_of
from fxgpt_core.conformal.outcomes import Outcomes
from fxgpt_core.conformal.split import Split
from fxgpt_core.conformal.tracker import Tracker
from fxgpt_core.errors import BadInputError, RefusedError
from fxgpt_core.forecasts.forecast import Forecasts

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""The nominal coverages that are calibrated; each needs the forecast levels (1 ± coverage) / 2."""

CAP = 20.0
"""Edges are at most so many scales from the median: ten times what a Gaussian random walk needs for 95 %. A band that wants more
says that the scale is wrong by an order of magnitude, and is no measure of risk."""

METHODS: Final[Mapping[str, type[Method]]] = {kind.name: kind for kind in (Split, Cqr, Mondrian, Aci, Tracker)}


@dataclass(frozen=True)
class CalibrationParameters:
    """The `method`, the nominal `coverages` that are calibrated, and the `cap` of edges, in units of scale from the median."""

    method: Method = field(default_factory=Tracker)
    coverages: tuple[float, ...] = COVERAGES
    cap: float = CAP

    def __post_init__(self) -> None:
        shares = all(0.0 < coverage < 1.0 for coverage in self.coverages)
        if (
            not self.coverages
            or not shares
            or list(self.coverages) != sorted(set(self.coverages))
            or not 0.0 < self.cap < math.inf
        ):
            raise BadInputError(
                f"coverages {self.coverages} with cap {self.cap} found; coverages are ascending shares between 0 and 1 (0.9, not "
                "90), and the cap is positive and finite"
            )


DEFAULT: Final = CalibrationParameters()


@dataclass(frozen=True, eq=False)
class Calibration:
    """What `parameters.method` learned: `state`, by name, for steps int32[S] and the parameters' coverages.

    `n_scores` int64[S]: known scores. `start_us`, `stop_us`: first and last origin used. `settled_us`: the close of the last
    candle that an outcome was taken from; no band of an origin before it may be made from this.
    """

    symbol: str
    timeframe: str
    parameters: CalibrationParameters
    steps: npt.NDArray[np.int32]
    state: State
    n_scores: IntArray
    model_sha256: str
    sampling_sha256: str
    start_us: int
    stop_us: int
    settled_us: int

    @property
    def coverages(self) -> FloatArray:
        """float64[C]: the nominal coverages, ascending."""
        return np.array(self.parameters.coverages, dtype=np.float64)

    @property
    def start_offsets(self) -> FloatArray:
        """float64[S,C]: the offsets learned on the calibration span; an adaptive method starts there."""
        return self.state["offsets"]

    @property
    def too_few(self) -> npt.NDArray[np.bool_]:
        """bool[S,C]: the independent cases, n_scores / step, are too few for a finite threshold: outcomes of a step overlap."""
        cases = (self.n_scores // self.steps).tolist()
        return np.array([[conformal_rank(n, coverage) > n for coverage in self.parameters.coverages] for n in cases])

    def offsets(self, forecasts: Forecasts, outcomes: Outcomes, labels: IntArray | None = None) -> FloatArray:
        """float64[N,S,C]: the offsets of later origins, each from what was known by then.

        An adaptive method learns from these outcomes in their order: give every origin behind `settled_us` up to those asked for.
        Raises `BadInputError` for an origin before `settled_us` or other steps.
        """
        self._require_later(forecasts)
        method = self.parameters.method
        return method.offsets(self.state, scores_of(forecasts, outcomes, self.parameters.coverages, method.around, labels))

    def require(self, model_sha256: str, sampling_sha256: str) -> None:
        """Raise `RefusedError` unless this calibration was fitted on that model and that sampler."""
        for what, mine, asked in (
            ("model", self.model_sha256, model_sha256),
            ("sampling", self.sampling_sha256, sampling_sha256),
        ):
            if mine != asked:
                raise RefusedError(
                    f"the calibration belongs to {what} {mine[:16]}, the forecasts to {asked[:16]}; "
                    "offsets hold for one frozen model and sampler only; materialize calibration_quantiles again"
                )

    def to_json(self) -> str:
        """Canonical JSON text; an infinite number is written as null, every finite one survives exactly."""
        plain = ("symbol", "timeframe", "model_sha256", "sampling_sha256", "start_us", "stop_us", "settled_us")
        return content_hash.canonical_json(
            {name: getattr(self, name) for name in plain}
            | {
                "method": self.parameters.method.name,
                "method_parameters": asdict(self.parameters.method),
                "coverages": list(self.parameters.coverages),
                "cap": self.parameters.cap,
                "steps": self.steps.tolist(),
                "n_scores": self.n_scores.tolist(),
                "state": {name: _finite_or_null(values.tolist()) for name, values in self.state.items()},
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """The calibration written by `to_json`. Raises `BadInputError` on a text that is not one."""
        try:
            return cls._from_fields(json.loads(text))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInputError(
                f"not a calibration ({type(error).__name__}: {error}); expected the JSON of Calibration.to_json; calibrate again"
            ) from error

    @classmethod
    def _from_fields(cls, found: dict[str, Any]) -> "Calibration":
        method = method_of(found["method"], found["method_parameters"])
        return cls(
            symbol=str(found["symbol"]),
            timeframe=str(found["timeframe"]),
            parameters=CalibrationParameters(method, tuple(map(float, found["coverages"])), float(found["cap"])),
            steps=np.array(found["steps"], dtype=np.int32),
            state={name: np.array(_null_as_infinite(values), dtype=np.float64) for name, values in found["state"].items()},
            n_scores=np.array(found["n_scores"], dtype=np.int64),
            model_sha256=str(found["model_sha256"]),
            sampling_sha256=str(found["sampling_sha256"]),
            start_us=int(found["start_us"]),
            stop_us=int(found["stop_us"]),
            settled_us=int(found["settled_us"]),
        )

    def _require_later(self, forecasts: Forecasts) -> None:
        if not np.array_equal(forecasts.steps, self.steps):
            raise BadInputError(
                f"the calibration has the steps {self.steps.tolist()}, the forecasts {forecasts.steps.tolist()}; "
                "fit the calibration on forecasts with the same steps"
            )
        early = int((forecasts.known_at_us < self.settled_us).sum())
        if early:
            raise BadInputError(
                f"{early} of {len(forecasts)} forecasts were made before {self.settled_us} µs, up to which the calibration knows "
                "outcomes: their bands would have seen the future; give those made behind the calibration and its longest step"
            )


def fit(
    forecasts: Forecasts,
    outcomes: Outcomes,
    parameters: CalibrationParameters = DEFAULT,
    *,
    model_sha256: str,
    sampling_sha256: str,
    labels: IntArray | None = None,
) -> Calibration:
    """What the method of the parameters learns from forecasts of the calibration span and their known outcomes.

    Exchangeability is an assumption markets break; the coverage that results is measured by `coverage_table`, never claimed.
    Raises `BadInputError` on empty forecasts, a wrong shape or a missing level.
    """
    if len(forecasts) == 0:
        raise BadInputError("no forecasts of the calibration span found; give those behind the training span")
    method = parameters.method
    scores = scores_of(forecasts, outcomes, parameters.coverages, method.around, labels)
    known = np.isfinite(scores.residual)
    return Calibration(
        symbol=str(forecasts.symbol),
        timeframe=str(forecasts.timeframe),
        parameters=parameters,
        steps=np.asarray(forecasts.steps, dtype=np.int32),
        state=method.fit(scores),
        n_scores=known.sum(axis=0).astype(np.int64),
        model_sha256=model_sha256,
        sampling_sha256=sampling_sha256,
        start_us=int(forecasts.known_at_us[0]),
        stop_us=int(forecasts.known_at_us[-1]),
        settled_us=int(np.max(outcomes.known_us, where=known, initial=forecasts.known_at_us[-1])),
    )


def method_of(name: str, parameters: Mapping[str, Any]) -> Method:
    """The method of a name, with those of the parameters that it has; others are another method's.

    Raises `BadInputError` for a name that is not one of `METHODS`.
    """
    if name not in METHODS:
        raise BadInputError(f"calibration method {name!r} found; choose one of {', '.join(METHODS)}")
    kind = METHODS[name]
    own = [item.name for item in fields(kind)]
    return kind(**{parameter: parameters[parameter] for parameter in own if parameter in parameters})


def _finite_or_null(values: Any) -> Any:
    if isinstance(values, list):
        return [_finite_or_null(value) for value in values]
    return values if math.isfinite(values) else None


def _null_as_infinite(values: Any) -> Any:
    if isinstance(values, list):
        return [_null_as_infinite(value) for value in values]
    return math.inf if values is None else values
