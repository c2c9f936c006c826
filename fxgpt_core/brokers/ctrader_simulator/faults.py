"""Everything that can go wrong with a venue: which faults there are, how likely each is, and when the next one comes."""

import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from fxgpt_core.errors import BadInputError


class FaultKind(NamedTuple):
    """Where a fault strikes, how likely it is there in a rehearsal with all faults, and what happens."""

    place: str
    probability: float
    words: str


FAULTS: Final[Mapping[str, FaultKind]] = MappingProxyType(
    {
        # order: drawn once for each command on an order or a position
        "drop_before_processing": FaultKind("order", 0.01, "the connection ends and the command is never processed"),
        "drop_after_processing": FaultKind("order", 0.01, "the command is processed and the connection ends before any event"),
        "drop_after_accept": FaultKind("order", 0.01, "the connection ends after ORDER_ACCEPTED; the order is filled unseen"),
        "zombie": FaultKind("order", 0.01, "the connection ends and the command is processed 0.8 to 2.5 s later"),
        "no_answer": FaultKind("order", 0.005, "the command is never processed and never answered; the connection stays"),
        "duplicate_event": FaultKind("order", 0.03, "every event of the command comes twice"),
        "out_of_order": FaultKind("order", 0.03, "the fill comes before the acceptance"),
        "push_after_list": FaultKind("order", 0.02, "the events are held back until a list has told the same"),
        "late_fill": FaultKind("order", 0.03, "the fill comes 20 ms to 30 s after the acceptance"),
        "partial_fills": FaultKind("order", 0.05, "the order is filled in two to four parts"),
        "partial_then_cancel": FaultKind("order", 0.02, "a part is filled and the rest is cancelled"),
        "error_code": FaultKind("order", 0.02, "the command is refused with an error code of the protocol and not processed"),
        "error_yet_executed": FaultKind("order", 0.01, "the command is answered by an ambiguous error, and processed later"),
        "unknown_error": FaultKind("order", 0.01, "the answer is an error name that no schema has; the command may be processed"),
        "rate_limited": FaultKind("order", 0.01, "BLOCKED_PAYLOAD_TYPE with retryAfter"),
        "rate_limited_bare": FaultKind("order", 0.005, "REQUEST_FREQUENCY_EXCEEDED without retryAfter"),
        # request: drawn for every other request
        "slow_answer": FaultKind("request", 0.01, "this answer, and all behind it, come up to 30 s late"),
        "request_error": FaultKind("request", 0.005, "an error of the session instead of the answer"),
        "token_expired": FaultKind("request", 0.001, "OA_AUTH_TOKEN_EXPIRED: the access token is at its end"),
        "refresh_reply_lost": FaultKind("refresh", 0.02, "the tokens are renewed and the connection ends before the answer"),
        "refresh_token_used": FaultKind("refresh", 0.01, "the refresh token is one that was used before"),
        # history: drawn for every list
        "history_lag": FaultKind("history", 0.1, "a list does not know the last 0 to 60 s yet"),
        "short_pages": FaultKind("history", 0.1, "a list is told in pages of three rows, with hasMore"),
        # frame: drawn for every frame the server writes
        "truncated_frame": FaultKind("frame", 0.001, "half a frame, then the connection ends"),
        "oversized_frame": FaultKind("frame", 0.0005, "a frame that says it is longer than 15,000,000 bytes"),
        "garbage_payload": FaultKind("frame", 0.001, "a frame of random bytes"),
        # connection: drawn for every connection
        "tls_hang": FaultKind("connection", 0.02, "the connection is accepted and the handshake never ends"),
        "wrong_certificate": FaultKind("connection", 0.02, "a certificate that nobody the client trusts has signed"),
        "connection_limit": FaultKind("connection", 0.02, "CONNECTIONS_LIMIT_EXCEEDED to the application's authorisation"),
        "maintenance": FaultKind(
            "connection", 0.01, "SERVER_IS_UNDER_MAINTENANCE with its end in seconds, then the connection ends"
        ),
        "maintenance_ms": FaultKind("connection", 0.01, "the same as a common error, with its end in milliseconds"),
        # time: drawn once a second
        "half_open": FaultKind("time", 0.002, "one connection is neither read nor written any more, and stays"),
        "freeze": FaultKind("time", 0.001, "all connections stand still for up to 20 s, as a stopped server does"),
        "account_disconnect": FaultKind("time", 0.002, "ProtoOAAccountDisconnectEvent: the account's session is gone"),
        "client_disconnect": FaultKind("time", 0.002, "ProtoOAClientDisconnectEvent, then the connection ends"),
        "token_invalidated": FaultKind(
            "time", 0.001, "ProtoOAAccountsTokenInvalidatedEvent: the account must be authorised again"
        ),
        "clock_offset": FaultKind("time", 0.002, "the server's clock is wrong by up to 5 s from now on"),
        "equal_milliseconds": FaultKind("time", 0.005, "for a second everything has the same time stamp"),
        "one_sided_quotes": FaultKind("time", 0.01, "quotes tell one side only for up to 20 s"),
        "stale_quotes": FaultKind("time", 0.003, "no quote comes for up to 20 s"),
        "spread_blowout": FaultKind("time", 0.005, "spreads are twenty times the usual for up to 20 s"),
        "weekend_gap": FaultKind("time", 0.001, "a price jumps by up to 1 %"),
        "symbol_change": FaultKind("time", 0.001, "the smallest volume of a symbol and its step double"),
        "manual_trade": FaultKind("time", 0.003, "somebody trades in the terminal"),
        "manual_close": FaultKind("time", 0.002, "somebody closes a position in the terminal"),
        "manual_stop_move": FaultKind("time", 0.002, "somebody moves a stop and removes a target in the terminal"),
        "stop_out": FaultKind("time", 0.0005, "a position is closed for want of margin"),
    }
)
"""All faults by name. A killed client, a full disk, a jumping clock of the client and two gateways are not of the server."""

ORDER_ERRORS: Final = (
    "MARKET_CLOSED", "CONCURRENT_MODIFICATION", "ENTITY_NOT_FOUND", "INVALID_REQUEST", "SYMBOL_HAS_HOLIDAY", "NO_QUOTES",
    "NOT_ENOUGH_MONEY", "MAX_EXPOSURE_REACHED", "POSITION_LOCKED", "PENDING_EXECUTION", "TOO_MANY_POSITIONS",
    "TRADING_BAD_VOLUME", "TRADING_BAD_STOPS", "TRADING_BAD_PRICES", "TRADING_BAD_STAKE", "TRADING_BAD_EXPIRATION_DATE",
    "PROTECTION_IS_TOO_CLOSE_TO_MARKET", "TRADING_DISABLED", "UNABLE_TO_CANCEL_ORDER", "UNABLE_TO_AMEND_ORDER",
    "SHORT_SELLING_NOT_ALLOWED", "WORSE_GSL_NOT_ALLOWED", "UNKNOWN_SYMBOL",
)  # fmt: skip
"""What an order can be refused with at random; any name can be asked for by `next("error_code", code=...)`."""
AMBIGUOUS_ERRORS: Final = ("TIMEOUT_ERROR", "UNKNOWN_ERROR", "CANT_ROUTE_REQUEST", "CH_SERVER_NOT_REACHABLE")
UNKNOWN_ERRORS: Final = ("INTERNAL_SERVER_ERROR", "NO_ENOUGH_MONEY_TO_OPEN_POSITION", "ALREADY_CLOSED")
SESSION_ERRORS: Final = ("ACCOUNT_NOT_AUTHORIZED", "CH_CLIENT_NOT_AUTHENTICATED", "CANT_ROUTE_REQUEST", "UNKNOWN_ERROR")


@dataclass(frozen=True)
class Faults:
    """How likely each fault is, by name, and how long what takes time may last (seconds, from and to); all by one seed."""

    probabilities: Mapping[str, float] = field(default_factory=dict)
    seed: int = 7
    zombie_s: tuple[float, float] = (0.8, 2.5)
    late_s: tuple[float, float] = (0.02, 30.0)
    slow_s: tuple[float, float] = (0.0, 30.0)
    lag_s: tuple[float, float] = (0.0, 60.0)
    weather_s: tuple[float, float] = (2.0, 20.0)
    clock_s: float = 5.0

    def __post_init__(self) -> None:
        require_faults(self.probabilities)
        for name, value in self.probabilities.items():
            if not 0.0 <= value <= 1.0:
                raise BadInputError(f"fault {name} has probability {value}; it lies between 0 and 1")


def require_faults(names: Iterable[str]) -> None:
    """Raises `BadInputError` for a name that is no fault."""
    unknown = sorted(set(names) - set(FAULTS))
    if unknown:
        raise BadInputError(f"no fault is called {', '.join(unknown)}; there are {', '.join(FAULTS)}")


def all_faults(seed: int) -> Faults:
    """Every fault at the probability of its kind."""
    return Faults({name: kind.probability for name, kind in FAULTS.items()}, seed)


def read_faults(text: str, seed: int) -> Faults:
    """The faults a command line names: `all`, `none`, or names with probabilities such as `zombie=0.1,late_fill=0.2`.

    Raises `BadInputError`.
    """
    if text == "all":
        return all_faults(seed)
    wanted: dict[str, float] = {}
    for part in () if text in ("none", "") else text.split(","):
        name, _, value = part.strip().partition("=")
        require_faults([name])
        try:
            wanted[name] = float(value) if value else FAULTS[name].probability
        except ValueError:
            raise BadInputError(f"fault {name} has probability {value!r}; give a number between 0 and 1") from None
    return Faults(wanted, seed)


class FaultPlan:
    """When each fault comes: those ordered by `next` first, the others by chance; `fired` counts them."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.random = random.Random(f"faults {faults.seed}")  # noqa: S311
        self.fired: Counter[str] = Counter()
        self.strike: Callable[[str, dict[str, Any]], None] = lambda _name, _detail: None
        self._ordered: dict[str, deque[dict[str, Any]]] = {}

    def next(self, name: str, **detail: Any) -> None:
        """Let a fault come once, at the next chance of its place; one of time comes now. `detail` says more, by its kind."""
        require_faults([name])
        if FAULTS[name].place == "time":
            self.fired[name] += 1
            self.strike(name, detail)
        else:
            self._ordered.setdefault(name, deque()).append(detail)

    def draw(self, name: str) -> dict[str, Any] | None:
        """Whether a fault comes now: its detail, or None."""
        waiting = self._ordered.get(name)
        if waiting:
            self.fired[name] += 1
            return waiting.popleft()
        probability = self.faults.probabilities.get(name, 0.0)
        if probability > 0.0 and self.random.random() < probability:
            self.fired[name] += 1
            return {}
        return None

    def draw_at(self, place: str) -> tuple[str, dict[str, Any]] | None:
        """The fault that comes at a place now, if one does: at most one, those that were ordered first."""
        names = [name for name, kind in FAULTS.items() if kind.place == place]
        for name in sorted(names, key=lambda one: not self._ordered.get(one)):
            detail = self.draw(name)
            if detail is not None:
                return name, detail
        return None

    def within(self, span: tuple[float, float]) -> float:
        """A moment of a span, seconds."""
        return self.random.uniform(*span)
