"""The assets, one file for each group of the graph. Each reads through the lake, calls one core function, records, returns."""
