"""The other side of an order: the role of a broker and its implementations. No decisions, no guards, no ledger."""
