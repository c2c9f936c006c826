"""What is known of the world besides prices: indices, positions of traders, releases, news; as it was known at the time.

Belongs here: context series, where they come from, the rule of when each kind was published, their store, and the join to candles
or features.
Does not: candles, features made of prices, settings. Every row carries the moment it became known; nothing is joined before it.
"""
