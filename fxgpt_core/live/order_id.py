"""The names of orders: a function of the signal, so the same after any restart and at any broker."""

import hashlib


def client_order_id(signal_key: str, retry: int = 0) -> str:
    """The id of the one order a signal may become (36 characters); `retry` 1 is the smaller one after a lack of money."""
    named = f"{signal_key}#r{retry}" if retry else signal_key
    return "fx1-" + hashlib.blake2b(named.encode(), digest_size=16).hexdigest()
