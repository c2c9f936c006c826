"""What is known of one strategy parameter: its range, its default, and what reads it when."""

import sys
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from fxgpt_core.errors import ParameterError

ParameterValue: TypeAlias = int | float | str | bool
LARGEST = sys.float_info.max


class Kind(StrEnum):
    """The type of a parameter's value."""

    INT = "int"
    FLOAT = "float"
    CATEGORICAL = "categorical"
    BOOL = "bool"


class Stage(StrEnum):
    """Where a parameter acts first; a change in one stage leaves the results of the stages before it valid."""

    FORECAST = "forecast"
    SIGNAL = "signal"
    SIZING = "sizing"
    EXECUTION = "execution"


@dataclass(frozen=True)
class About:
    """What the fields of one component share: its group, its stage, and what reads them.

    `fitted_by`: the asset that is made with them. A search does not vary these from trial to trial, and a parameter set has the
    values that the asset it uses was made with. None: they are read at every decision or order.
    """

    group: str
    stage: Stage
    component: str
    fitted_by: str | None = None


@dataclass(frozen=True)
class ParameterDefinition:
    """One parameter: `low` and `high` are inclusive, `log` searches it on a logarithmic scale."""

    name: str
    kind: Kind
    default: ParameterValue
    about: About
    low: float | None = None
    high: float | None = None
    choices: tuple[ParameterValue, ...] = ()
    log: bool = False
    unit: str = ""

    @property
    def group(self) -> str:
        """The group, as the table `optimization_parameters` names it."""
        return self.about.group

    @property
    def stage(self) -> Stage:
        """The stage in which the parameter acts first."""
        return self.about.stage

    @property
    def component(self) -> str:
        """The component that reads the parameter."""
        return self.about.component

    @property
    def fitted_by(self) -> str | None:
        """The asset that is made with the parameter; None if it is read at every decision or order."""
        return self.about.fitted_by

    @property
    def sql_type(self) -> str:
        """The value's type as the table `optimization_parameters` names it: int, float, str or bool."""
        return "str" if self.kind is Kind.CATEGORICAL else self.kind.value

    def checked(self, value: Any) -> ParameterValue:
        """The value in its own type, or `ParameterError` naming the parameter, what was found and what is allowed."""
        typed = _typed(self.kind, value)
        if typed is None or not self._allows(typed):
            raise ParameterError(f"{self.name} is {value!r}; allowed is {self.allowed()}. The default is {self.default!r}.")
        return typed

    def allowed(self) -> str:
        """The allowed values in words."""
        if self.kind is Kind.BOOL:
            return "true or false"
        if self.kind is Kind.CATEGORICAL:
            return "one of " + ", ".join(map(repr, self.choices))
        return f"{'a whole number' if self.kind is Kind.INT else 'a number'} from {self.low} to {self.high} {self.unit}".rstrip()

    def _allows(self, value: ParameterValue) -> bool:
        if self.kind is Kind.CATEGORICAL:
            return value in self.choices
        if self.low is None or self.high is None or isinstance(value, str):
            return True
        return self.low <= value <= self.high


def _typed(kind: Kind, value: Any) -> ParameterValue | None:
    if kind is Kind.BOOL:
        return value if isinstance(value, bool) else None
    if kind is Kind.CATEGORICAL:
        return value if isinstance(value, str) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        return None
    if kind is Kind.FLOAT:
        return float(value)
    return int(value) if value == int(value) else None


def _declared(about: About, kind: Kind, default: ParameterValue, **details: Any) -> Any:
    """A dataclass field that carries its definition; the name is filled in from the field."""
    return field(default=default, metadata={"about": about, "kind": kind, "details": details})


def real(about: About, low: float, high: float, default: float, unit: str = "", *, log: bool = False) -> Any:
    """A field with a number in [low, high]; `log` searches it on a logarithmic scale."""
    return _declared(about, Kind.FLOAT, default, low=low, high=high, unit=unit, log=log)


def integer(about: About, low: int, high: int, default: int, unit: str = "") -> Any:
    """A field with a whole number in [low, high]."""
    return _declared(about, Kind.INT, default, low=low, high=high, unit=unit)


def choice(about: About, choices: tuple[str, ...], default: str) -> Any:
    """A field with one of several names."""
    return _declared(about, Kind.CATEGORICAL, default, choices=choices)


def switch(about: About, default: bool) -> Any:
    """A field that is on or off."""
    return _declared(about, Kind.BOOL, default)
