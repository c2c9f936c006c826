"""Bands in order: finite, each around its median and around the narrower ones; others are refused where they are made."""

import math

import numpy as np
import pytest
from conformal_examples import forecasts_of

from fxgpt_core.conformal.bands import Bands
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import Forecasts

ORDERED = {
    "lower": [[-1.0, -2.0], [-3.0, -6.0]],
    "upper": [[1.0, 2.0], [3.0, 6.0]],
    "median": [0.0, 0.5],
    "coverages": [0.5, 0.9],
}


def two_rows(**changed: list) -> Bands:
    """Bands of two rows that are alike, each of the steps 1 and 4, but for what is changed in the second row."""
    first, second = ({name: np.array(values) for name, values in each.items()} for each in (ORDERED, ORDERED | changed))
    lower, upper, median = (np.stack([first[name], second[name]]) for name in ("lower", "upper", "median"))
    steps, flags = np.array([1, 4], dtype=np.int32), np.zeros(lower.shape, dtype=bool)
    return Bands(np.array([10, 20]), steps, first["coverages"], lower, upper, flags, median, np.ones((2, 2)))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"median": [0.0, 3.5]},
            "the 50% interval of row 1 .known at 20 µs., step 4, reaches from -3.0 to 3.0 around the median 3.5",
        ),
        ({"median": [-1.5, 0.5]}, "the 50% interval of row 1 .* step 1, reaches from -1.0 to 1.0 around the median -1.5"),
        ({"upper": [[1.0, 2.0], [3.0, 2.9]]}, "the 90% interval of row 1 .* step 4, reaches from -6.0 to 2.9"),
        ({"lower": [[-1.0, -0.9], [-3.0, -6.0]]}, "the 90% interval of row 1 .* step 1, reaches from -0.9 to 2.0"),
        ({"upper": [[1.0, 2.0], [3.0, math.nan]]}, "the 90% interval of row 1 .* step 4, reaches from -6.0 to nan"),
        ({"lower": [[math.nan, -2.0], [-3.0, -6.0]]}, "the 50% interval of row 1 .* step 1, reaches from nan to 1.0"),
        ({"upper": [[1.0, math.inf], [3.0, 6.0]]}, "the 90% interval of row 1 .* step 1, reaches from -2.0 to inf"),
        ({"median": [0.0, math.nan]}, "the 50% interval of row 1 .* step 4, .* around the median nan"),
    ],
)
def test_bands_out_of_order_are_refused_by_row_step_and_coverage(changed: dict, told: str) -> None:
    assert two_rows().lower.shape == (2, 2, 2)
    with pytest.raises(BadInputError, match=told):
        two_rows(**changed)


def test_bands_that_meet_in_the_median_are_in_order() -> None:
    flat = two_rows(lower=[[0.0, 0.0], [0.5, 0.5]], upper=[[0.0, 2.0], [0.5, 0.5]])
    assert flat.select([1]).upper.tolist() == [[[0.0, 2.0], [0.5, 0.5]]]


@pytest.mark.parametrize("scale", [-1e-3, math.nan, math.inf])
def test_a_forecast_whose_scale_is_no_deviation_is_refused_before_it_can_make_such_bands(scale: float) -> None:
    sound = forecasts_of(3)
    frame = sound.to_frame()
    frame[4, "scale"] = scale
    assert Forecasts.from_frame(sound.to_frame()).scale.shape == (3, 3)
    with pytest.raises(BadInputError, match=f"1 of 9 scales are .* unknown: {scale}"):
        Forecasts.from_frame(frame)
