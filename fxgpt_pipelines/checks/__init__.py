"""The checks on assets: what is measured, its limit, whether it blocks. No formula: the numbers come from core rooms."""
