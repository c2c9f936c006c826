"""What a Dagster instance of fxgpt is made of: home folder, storage, run launcher, proof of life. No asset belongs here."""
