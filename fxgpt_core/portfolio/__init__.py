"""How much, and whether at all: position size, the limits before a trade, the state of trading.

Belongs here: rules on money at risk. Does not: forecasts, prices of fills, anything that is sent to a broker.
"""
