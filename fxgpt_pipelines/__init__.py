"""The Dagster side of fxgpt: a thin skin of assets, checks, jobs and sensors that read, call one core function, record."""
