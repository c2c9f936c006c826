"""The rules of trading: the 90 parameters, what a decision sees, and the one function that decides.

Belongs here: everything between calibrated bands and the wish to trade. Does not: orders, fills, state, files.
"""
