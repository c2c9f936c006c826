"""Only what the gates judged may trade: not a model trained since, not a set nobody judged, not a damaged file."""

import pytest
from registry_examples import CODE, PARAMETERS, lake_of

from fxgpt_core.errors import CorruptArtifactError, MissingError, RefusedError
from fxgpt_core.registry.judged import Asked, deployment_request, judged

FLOW = (
    ("candles", ()),
    ("diffusion_model", ("candles",)),
    ("forecasts", ("diffusion_model", "candles")),
    ("calibration_quantiles", ("forecasts",)),
    ("walk_forward_validation", ("forecasts", "calibration_quantiles")),
    ("optimized_parameters", ("candles", "diffusion_model", "forecasts", "calibration_quantiles")),
    (
        "robustness",
        ("optimized_parameters", "walk_forward_validation", "candles", "diffusion_model", "forecasts", "calibration_quantiles"),
    ),
)
PROPOSAL = {"params_sha256": PARAMETERS.sha256, "regime_parameters_id": None, "out_of_sample": {"sharpe_ratio": 0.5}}


def make(lake, asset, inputs, value):
    with lake.making(asset, "EURUSD", "1h", {"value": value}, code_sha256="0" * 64, run_id="r") as making:
        for name in inputs:
            making.read(name)
        return making.write_json(PROPOSAL | {"value": value}, {})


def make_again(lake, *names, value=2):
    return {asset: make(lake, asset, inputs, value) for asset, inputs in FLOW if asset in names}


@pytest.fixture
def lake(migrated_ledger, tmp_path):
    return lake_of(migrated_ledger, tmp_path / "lake")


@pytest.fixture
def line(lake):
    """Everything of the flow once, by name."""
    return make_again(lake, *(asset for asset, _ in FLOW), value=1)


def test_what_was_judged_comes_together(lake, line):
    found = judged(lake, "EURUSD", "1h")
    request = deployment_request(found, Asked("paper", "ann", override_reason="why"), CODE, "run")
    assert (request.parameter_set_id, request.model_id) == (line["optimized_parameters"].id, line["diffusion_model"].id)
    assert request.calibration_id == line["calibration_quantiles"].id
    assert request.validation_id == line["walk_forward_validation"].id
    assert (request.symbol, request.timeframe, request.params_sha256) == ("EURUSD", "1h", PARAMETERS.sha256)


def test_a_model_trained_and_validated_since_does_not_take_the_judged_ones_place(lake, line):
    make_again(lake, "diffusion_model", "forecasts", "calibration_quantiles", "walk_forward_validation")
    found = judged(lake, "EURUSD", "1h")
    assert {artifact.id for artifact in found.artifacts} <= {artifact.id for artifact in line.values()}


def test_a_set_searched_since_must_be_judged_first(lake, line):
    make_again(lake, "optimized_parameters")
    with pytest.raises(RefusedError, match=r"judged another optimized_parameters .* materialize robustness again"):
        judged(lake, "EURUSD", "1h")


def test_a_set_judged_on_another_model_than_it_was_searched_with_is_refused(lake, line):
    make_again(lake, "diffusion_model", "forecasts", "calibration_quantiles", "robustness")
    with pytest.raises(RefusedError, match="judged another diffusion_model and another calibration_quantiles"):
        judged(lake, "EURUSD", "1h")


def test_a_set_that_nobody_judged_is_missing_its_board(lake):
    make_again(lake, *(asset for asset, _ in FLOW if asset != "robustness"))
    with pytest.raises(MissingError, match="has no robustness yet"):
        judged(lake, "EURUSD", "1h")


@pytest.mark.parametrize(
    "asset", ["optimized_parameters", "diffusion_model", "calibration_quantiles", "walk_forward_validation", "robustness"]
)
@pytest.mark.parametrize("damage", ["append", "remove"])
def test_nothing_is_deployed_on_a_damaged_file(lake, line, asset, damage):
    path = line[asset].path
    if damage == "append":
        path.write_bytes(path.read_bytes() + b" ")
    else:
        path.unlink()
    with pytest.raises(CorruptArtifactError, match=asset):
        judged(lake, "EURUSD", "1h")
