"""The reports of a backtest and of an optimization for people: one record, written as one HTML file or as a PDF.

Belongs here: what a report shows, in which words and pictures. Does not: playing, measuring or judging anything.
"""
