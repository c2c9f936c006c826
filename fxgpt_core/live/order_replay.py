"""An order's decision as it is on record beside the same decision made again: every field, equal to the bit or not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, select

from fxgpt_core import content_hash
from fxgpt_core.errors import MissingError
from fxgpt_core.live.genealogy_rows import decision_of, intent_of
from fxgpt_core.live.shadow import LiveDecision, differences
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_records import DecisionRecord, decision_at
from fxgpt_core.registry.live_tables import decisions, signals
from fxgpt_core.strategy.decision import Decisions

SIGNAL_FIELDS = ("side", "stop_distance", "target_distance", "risk_fraction")


@dataclass(frozen=True)
class OrderDecision:
    """An order with the decision it was made of; `stored_sha256` is the hash written with the payload, `wish` the signal's."""

    client_order_id: str
    side: int
    decision: DecisionRecord
    stored_sha256: str
    wish: Mapping[str, Any]


@dataclass(frozen=True)
class ReplayedField:
    """One field that is not what it was: on record, and made again."""

    field: str
    stored: Any
    recomputed: Any


@dataclass(frozen=True)
class OrderReplay:
    """The verdict on one order: how many fields were compared, and those that differ. `is_same_code`: decided by this code."""

    order: str
    deployment_id: int
    known_at_us: int
    n_fields: int
    different: Sequence[ReplayedField]
    is_same_code: bool

    @property
    def ok(self) -> bool:
        """Whether all of it is equal to the bit."""
        return not self.different

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "order": self.order,
            "ok": self.ok,
            "deployment_id": self.deployment_id,
            "known_at_us": self.known_at_us,
            "fields": self.n_fields,
            "different": [asdict(field) for field in self.different],
            "same_code": self.is_same_code,
        }

    def as_text(self) -> str:
        """For people: one line, or one more for each field that differs."""
        code = "" if self.is_same_code else "; it was decided by another version of the code"
        if self.ok:
            return f"order {self.order}: all {self.n_fields} fields of its decision are made again to the bit{code}"
        lines = [f"order {self.order}: {len(self.different)} of {self.n_fields} fields of its decision differ{code}"]
        lines += [f"  {item.field}: on record {item.stored!r}, made again {item.recomputed!r}" for item in self.different]
        return "\n".join(lines)


def order_decision(ledger: Ledger, order: str) -> OrderDecision:
    """The decision behind an order id or client order id. Raises `MissingError` where the ledger has none."""
    with ledger.reading() as connection:
        intent = intent_of(connection, order)
        row = decision_of(connection, intent)
        if row is None:
            raise MissingError(f"no decision row belongs to order {order}; `fxgpt trace {order}` shows what is left of it")
        stored_sha256 = connection.execute(select(decisions.c.sha256).where(decisions.c.id == row.id)).scalar_one()
        signal = connection.execute(select(signals).where(signals.c.signal_key == intent.signal_key)).one()
    found = decision_at(ledger, row.deployment_id, row.symbol, row.timeframe, row.known_at_us)
    if found is None or "decision" not in found.payload:
        raise MissingError(f"the decision behind order {order} has no numbers; `fxgpt trace {order}` shows what is left of it")
    return OrderDecision(intent.client_order_id, intent.side, found, stored_sha256, _wish(signal))


def replayed(stored: OrderDecision, again: Decisions, remade: Mapping[str, Any], code_sha256: str) -> OrderReplay:
    """Compare an order's decision with the one made again; `again` has it at its close.

    `remade`: the other parts of the payload (`parameters_sha256`, `costs`, `inputs`, `live_candles`) as they are now.
    """
    payload, known_at_us = stored.decision.payload, stored.decision.known_at_us
    found = differences([LiveDecision(known_at_us, payload["decision"])], again)
    different = [ReplayedField(item.field, item.live, item.backtest) for item in found]
    pairs = {
        "payload_sha256": (stored.stored_sha256, content_hash.of_bytes(content_hash.canonical_json(dict(payload)).encode())),
        **{name: (payload.get(name), value) for name, value in remade.items()},
        **{f"signal_{name}": (stored.wish[name], payload["decision"][name]) for name in SIGNAL_FIELDS},
        "order_side": (stored.side, payload["decision"]["side"]),
    }
    different += [ReplayedField(name, *pair) for name, pair in pairs.items() if pair[0] != pair[1]]
    numbers = payload["decision"]["numbers"]
    n_fields = len(payload["decision"]) - 1 + len(numbers) + len(pairs)
    same = payload.get("code", {}).get("code_sha256", "") == code_sha256
    return OrderReplay(stored.client_order_id, stored.decision.deployment_id, known_at_us, n_fields, different, same)


def _wish(signal: Row[Any]) -> dict[str, Any]:
    return {name: getattr(signal, name) for name in SIGNAL_FIELDS}
