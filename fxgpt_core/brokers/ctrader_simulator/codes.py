"""The numbers by which the protocol names kinds of orders, states and events (Spotware's messages, tag 91)."""

from enum import IntEnum


class OrderType(IntEnum):
    """ProtoOAOrderType."""

    MARKET = 1
    LIMIT = 2
    STOP = 3
    STOP_LOSS_TAKE_PROFIT = 4
    MARKET_RANGE = 5
    STOP_LIMIT = 6


class TradeSide(IntEnum):
    """ProtoOATradeSide."""

    BUY = 1
    SELL = 2

    @property
    def sign(self) -> int:
        """1 buys, -1 sells: the `side` of the fill rule."""
        return 1 if self is TradeSide.BUY else -1

    @property
    def opposite(self) -> "TradeSide":
        """The side that ends a position of this one."""
        return TradeSide.SELL if self is TradeSide.BUY else TradeSide.BUY


class TimeInForce(IntEnum):
    """ProtoOATimeInForce."""

    GOOD_TILL_DATE = 1
    GOOD_TILL_CANCEL = 2
    IMMEDIATE_OR_CANCEL = 3
    FILL_OR_KILL = 4
    MARKET_ON_OPEN = 5


class TriggerMethod(IntEnum):
    """ProtoOAOrderTriggerMethod: which side of the quote triggers a stop, and whether two quotes in a row are needed."""

    TRADE = 1
    OPPOSITE = 2
    DOUBLE_TRADE = 3
    DOUBLE_OPPOSITE = 4


class OrderStatus(IntEnum):
    """ProtoOAOrderStatus."""

    ACCEPTED = 1
    FILLED = 2
    REJECTED = 3
    EXPIRED = 4
    CANCELLED = 5


class PositionStatus(IntEnum):
    """ProtoOAPositionStatus."""

    OPEN = 1
    CLOSED = 2
    CREATED = 3
    ERROR = 4


class DealStatus(IntEnum):
    """ProtoOADealStatus."""

    FILLED = 2
    PARTIALLY_FILLED = 3
    REJECTED = 4
    INTERNALLY_REJECTED = 5
    ERROR = 6
    MISSED = 7


class ExecutionKind(IntEnum):
    """ProtoOAExecutionType."""

    ORDER_ACCEPTED = 2
    ORDER_FILLED = 3
    ORDER_REPLACED = 4
    ORDER_CANCELLED = 5
    ORDER_EXPIRED = 6
    ORDER_REJECTED = 7
    ORDER_CANCEL_REJECTED = 8
    SWAP = 9
    DEPOSIT_WITHDRAW = 10
    ORDER_PARTIAL_FILL = 11
    BONUS_DEPOSIT_WITHDRAW = 12


class TradingMode(IntEnum):
    """ProtoOATradingMode."""

    ENABLED = 0
    DISABLED_WITHOUT_PENDINGS_EXECUTION = 1
    DISABLED_WITH_PENDINGS_EXECUTION = 2
    CLOSE_ONLY_MODE = 3


class AccessRights(IntEnum):
    """ProtoOAAccessRights."""

    FULL_ACCESS = 0
    CLOSE_ONLY = 1
    NO_TRADING = 2
    NO_LOGIN = 3


class Scope(IntEnum):
    """ProtoOAClientPermissionScope: what an access token allows."""

    VIEW = 0
    TRADE = 1


class Period(IntEnum):
    """ProtoOATrendbarPeriod."""

    M1 = 1
    M2 = 2
    M3 = 3
    M4 = 4
    M5 = 5
    M10 = 6
    M15 = 7
    M30 = 8
    H1 = 9
    H4 = 10
    H12 = 11
    D1 = 12
    W1 = 13
    MN1 = 14
