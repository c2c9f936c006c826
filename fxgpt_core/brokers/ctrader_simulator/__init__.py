"""A cTrader server of our own on loopback: a venue that can be rehearsed against, with a seeded clock and seeded faults.

`venue` is the state machine (accounts, orders, positions, deals, money) and knows nothing of the wire; `server` speaks the
protocol over TLS; `faults` is everything that can go wrong. Fills are those of `fxgpt_core.market.fills` and `positions`, which
backtest and paper broker have too.
"""
