"""Run as a process: append facts to one ledger, as fast as it lets."""

import sys

from fxgpt_core.registry import lineage
from fxgpt_core.registry.ledger import Ledger

url, name, count = sys.argv[1:]
ledger = Ledger(url)
for number in range(int(count)):
    with ledger.begin() as connection:
        lineage.append(connection, "test", {"by": name, "number": number}, ledger.now())
