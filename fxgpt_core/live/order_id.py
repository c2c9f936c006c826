"""The names of orders: a function of the signal, so the same after any restart and at any broker."""

import hashlib


def client_order_id(signal_key: str) -> str:
    """The id of the one order a signal may become (36 characters)."""
    return "fx1-" + hashlib.blake2b(signal_key.encode(), digest_size=16).hexdigest()
