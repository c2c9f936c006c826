"""The names of orders: a function of the signal, so the same after any restart and at any broker."""

import hashlib


def signal_key(deployment_id: int, symbol: str, timeframe: str, known_at_us: int) -> str:
    """The name of the one entry signal a deployment can give at a candle's close."""
    return f"{deployment_id}:{symbol}:{timeframe}:{known_at_us}:entry"


def client_order_id(signal_key: str) -> str:
    """The id of the one order a signal may become (36 characters)."""
    return "fx1-" + hashlib.blake2b(signal_key.encode(), digest_size=16).hexdigest()
