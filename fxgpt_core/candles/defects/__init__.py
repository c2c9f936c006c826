"""What can be wrong with a candle series: one detector for each defect, and a grade for each month.

Detectors take raw frames as well, of which duplicated stamps, stamps off the grid and broken OHLC were not refused yet. They only
look: nothing is repaired, dropped or filled.
"""
