"""Every move that was ever made with a series' deployments, as the append-only lineage tells it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from fxgpt_core.registry.artifact_tables import lineage_ledger
from fxgpt_core.registry.ledger import Ledger

KINDS = ("deployment", "rollback", "pause", "resume", "approval", "policy")


@dataclass(frozen=True)
class Move:
    """One move: its entry in the lineage, when, of what kind, who, why, and all else that was written with it."""

    seq: int
    at: datetime
    kind: str
    by: str
    reason: str
    facts: Mapping[str, Any]


def history(ledger: Ledger, symbol: str, timeframe: str) -> Sequence[Move]:
    """The moves of a series in their order: deployments, rollbacks, pauses, resumes, verdicts, policies."""
    table = lineage_ledger.c
    # The database narrows the chain down; the payload decides.
    asked = select(lineage_ledger).where(table.kind.in_(KINDS), table.payload_json.contains(f'"{symbol}"', autoescape=True))
    with ledger.reading() as connection:
        rows = connection.execute(asked.order_by(table.seq)).all()
    moves = [_move(row.seq, row.created_at, row.kind, json.loads(row.payload_json)) for row in rows]
    return [move for move in moves if (move.facts.get("symbol"), move.facts.get("timeframe")) == (symbol, timeframe)]


def _move(seq: int, stamp: str, kind: str, facts: Mapping[str, Any]) -> Move:
    # Deployments of earlier versions told who, and of why only an override.
    by, reason = facts.get("by", facts.get("deployed_by", "")), facts.get("reason", facts.get("override_reason"))
    return Move(seq, datetime.fromisoformat(stamp), kind, by, reason or "", facts)
