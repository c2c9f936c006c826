"""The library of fxgpt: rooms named after the nouns of the field. It knows nothing of Dagster."""
