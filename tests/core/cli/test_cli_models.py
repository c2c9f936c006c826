"""fxgpt models: what is kept, what one version is, and whether its files are those that were written."""

import pytest

from fxgpt_core.content_hash import canonical_json
from fxgpt_core.registry.model_folders import FILES, ModelFolders

PLACE = ("--symbol", "eurusd", "--timeframe", "1H")


@pytest.fixture
def folders(data_root) -> ModelFolders:
    """Two versions, of which nothing needs a real network to be listed, shown and verified."""
    tables = {
        "config.json": {"network": {"kind": "sssd"}, "shrink": {"1h": 1.0, "1d": 0.5}},
        "feature_names.json": ["atr", "rsi_14"],
        "metrics.json": {"best_validation_loss": 0.97},
        "metadata.json": {"made": "2026-01-02T03:04:05+00:00"},
    }
    made = ModelFolders(data_root / "models")
    for version in (1, 2):
        files = {name: canonical_json(tables.get(name, {"version": version})).encode() for name in FILES}
        made.put("EURUSD", "1h", version, files)
    return made


def test_without_a_model_the_list_says_what_to_do(fxgpt, data_root):
    assert fxgpt("models", "list").out.startswith("no model is kept; materialize diffusion_model")
    assert fxgpt("models", "list", "--json").json == {"models": []}


def test_the_list_names_every_version_and_a_damaged_one_does_not_hide_the_others(fxgpt, folders):
    rows = fxgpt("models", "list", "--json").json["models"]
    assert [(row["symbol"], row["timeframe"], row["version"], row["denoiser"], row["shrink"]) for row in rows] == [
        ("EURUSD", "1h", 1, "sssd", {"1h": 1.0, "1d": 0.5}), ("EURUSD", "1h", 2, "sssd", {"1h": 1.0, "1d": 0.5}),
    ]  # fmt: skip
    (folders.find("EURUSD", "1h", 1).path / "metrics.json").write_text("{}")
    rows = fxgpt("models", "list", "--json").json["models"]
    assert "metrics.json changed since the model was kept" in rows[0]["damaged"]
    assert rows[1]["damaged"] is None
    listed = fxgpt("models", "list").out
    assert "2026-01-02" in listed
    assert "1 to 1h, 0.5 to 1d" in listed


def test_show_tells_the_latest_or_the_version_that_is_named(fxgpt, folders):
    shown = fxgpt("models", "show", *PLACE, "--json").json
    assert shown["version"] == 2
    assert shown["metrics"] == {"best_validation_loss": 0.97}
    assert shown["feature_names"] == ["atr", "rsi_14"]
    told = fxgpt("models", "show", *PLACE, "--version", 1).out
    assert "EURUSD 1h v1" in told
    assert "features: atr, rsi_14" in told


def test_verify_passes_whole_versions_and_ends_with_6_on_a_changed_one(fxgpt, folders):
    good = fxgpt("models", "verify", *PLACE, "--version", 1, "--json")
    assert good.code == 0
    assert good.json["files"] == sorted(FILES)
    (folders.find("EURUSD", "1h", 2).path / "model.safetensors").write_bytes(b"other")
    bad = fxgpt("models", "verify", *PLACE)
    assert bad.code == 6
    assert "model.safetensors changed since the model was kept; restore the folder from a backup" in bad.err


def test_a_version_that_is_not_there_ends_with_4(fxgpt, folders):
    missing = fxgpt("models", "show", *PLACE, "--version", 9)
    assert missing.code == 4
    assert "no version 9 of the model of EURUSD 1h" in missing.err
    assert "kept are v1, v2" in missing.err
