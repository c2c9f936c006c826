"""What a market is: symbols, timeframes, the FX week and day, spreads, swap, conversion, costs, orders, one fill rule.

Belongs here: facts and rules of the market that need no candles' history. Does not: candle series, forecasts, brokers' protocols.
"""
