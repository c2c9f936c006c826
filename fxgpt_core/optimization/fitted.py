"""The values that a run did not search, because assets were made with them."""

from collections.abc import Mapping
from typing import Any

from fxgpt_core.strategy.definitions import ParameterValue
from fxgpt_core.strategy.parameters import definitions


def fitted_in(proposed: Mapping[str, Mapping[str, Any]]) -> dict[str, ParameterValue]:
    """Of the sets that a run proposed, by regime, the values that are the same in all of its sets; none before it proposed one.

    A genome does not hold them, and `decoded` takes them as its second argument.
    """
    found = next(iter(proposed.values()), None)
    return {} if found is None else {each.name: found[each.name] for each in definitions() if each.fitted_by is not None}
