"""Networks as plain torch modules: tensors in, tensors out. No training, no sampling, no files."""
