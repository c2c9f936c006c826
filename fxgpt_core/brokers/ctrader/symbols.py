"""What one session's venue trades: names, ids, sizes and hours. Ids are the server's own, so names are looked up each time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fxgpt_core.brokers.broker import TradingTerms
from fxgpt_core.brokers.ctrader.prices import VOLUME_OF_UNIT, rounded, volume_of
from fxgpt_core.brokers.ctrader.reading import Link, read
from fxgpt_core.errors import BadInputError, MissingError

DAY_S = 86_400
_ENABLED = 0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ListedSymbol:
    """A symbol as the list tells it: without sizes."""

    symbol_id: int
    name: str
    base_asset: int
    quote_asset: int
    is_enabled: bool


@dataclass(frozen=True)
class TradedSymbol:
    """A symbol with its sizes; volumes in hundredths of a unit, one lot is `lot_size` of them."""

    listed: ListedSymbol
    digits: int
    lot_size: int
    min_volume: int
    max_volume: int
    step_volume: int
    terms: TradingTerms

    def price(self, price: float) -> float:
        """A price as the venue takes it."""
        return rounded(price, self.digits)

    def refusal(self, units: int) -> str:
        """Why the venue would not take so many units; empty if it would."""
        volume = volume_of(units)
        if self.min_volume <= volume <= self.max_volume and (volume - self.min_volume) % self.step_volume == 0:
            return ""
        terms = self.terms
        return (
            f"{units} units of {self.listed.name} found; {terms.min_units} to {terms.max_units} in steps of {terms.step_units} "
            "are allowed"
        )


@dataclass
class SymbolList:
    """All symbols of a session, with the sizes of those that were asked for.

    `spelled` has the house's name of a symbol where it is not ours: {"EURUSD": "EURUSD.r"}.
    """

    listed: Mapping[int, ListedSymbol]
    assets: Mapping[int, str]
    spelled: Mapping[str, str] = field(default_factory=dict)
    traded: dict[int, TradedSymbol] = field(default_factory=dict)

    def named(self, name: str) -> ListedSymbol:
        """The symbol of a name. Raises `BadInputError` where the venue has none of it, or several."""
        wanted = self.spelled.get(name, name)
        found = [one for one in self.listed.values() if one.is_enabled and one.name == wanted]
        found = found or [one for one in self.listed.values() if one.is_enabled and plain(one.name) == plain(wanted)]
        if len(found) == 1:
            return found[0]
        near = sorted(one.name for one in self.listed.values() if plain(one.name).startswith(plain(wanted)[:6]))
        hint = f"it has {', '.join(near[:6])}" if near else f"it has {len(self.listed)} others"
        count = "several symbols" if found else "no enabled symbol"
        raise BadInputError(f"the venue has {count} of the name {wanted!r}; {hint}; say which by its spelling there")

    def name_of(self, symbol_id: int) -> str:
        """Our name of a symbol; that of the venue where we have none."""
        listed = self.listed.get(symbol_id)
        if listed is None:
            return f"symbol-{symbol_id}"
        ours = {theirs: name for name, theirs in self.spelled.items()}
        return ours.get(listed.name, plain(listed.name))

    def sized(self, name: str) -> TradedSymbol:
        """A symbol with its sizes. Raises `MissingError` where they were not asked for."""
        listed = self.named(name)
        if listed.symbol_id not in self.traded:
            raise MissingError(f"the sizes of {name} are not known yet; subscribe to it first")
        return self.traded[listed.symbol_id]

    async def size(self, link: Link, account_id: int, symbol_ids: Iterable[int], now_us: int) -> None:
        """Ask for the sizes of symbols. Raises `MissingError` where the venue leaves one out.

        They are asked one by one where it leaves some out of many: one that it does not know can empty the whole answer.
        """
        wanted = sorted(set(symbol_ids))
        for ids in [wanted] if wanted else []:
            await self._ask(link, account_id, ids, now_us)
        for one in [one for one in wanted if one not in self.traded]:
            await self._ask(link, account_id, [one], now_us)
            if one not in self.traded:
                raise MissingError(f"the venue tells no sizes of {self.name_of(one)} ({one}); nothing can be ordered of it")

    async def _ask(self, link: Link, account_id: int, ids: list[int], now_us: int) -> None:
        told = await read(link, "ProtoOASymbolByIdReq", ctidTraderAccountId=account_id, symbolId=ids)
        for one in told.symbol:
            if one.symbolId in self.listed:
                self.traded[one.symbolId] = traded_symbol(self.listed[one.symbolId], one, now_us)


async def listed_symbols(link: Link, account_id: int, spelled: Mapping[str, str]) -> SymbolList:
    """The symbols and assets of a venue."""
    told = await read(link, "ProtoOASymbolsListReq", ctidTraderAccountId=account_id)
    assets = await read(link, "ProtoOAAssetListReq", ctidTraderAccountId=account_id)
    listed = {one.symbolId: listed_symbol(one) for one in told.symbol}
    return SymbolList(listed, {one.assetId: one.name for one in assets.asset}, dict(spelled))


def listed_symbol(one: Any) -> ListedSymbol:
    """From a ProtoOALightSymbol; one that does not say whether it is enabled is."""
    is_enabled = one.enabled or not one.HasField("enabled")
    return ListedSymbol(one.symbolId, one.symbolName, one.baseAssetId, one.quoteAssetId, is_enabled)


def traded_symbol(listed: ListedSymbol, one: Any, now_us: int) -> TradedSymbol:
    """From a ProtoOASymbol. Raises `MissingError` where a size is left out: an order without it would be a guess."""
    sizes = {name: getattr(one, name) for name in ("lotSize", "minVolume", "maxVolume", "stepVolume")}
    if missing := [name for name, value in sizes.items() if value <= 0]:
        raise MissingError(f"the venue tells no {', '.join(missing)} of {listed.name}; nothing can be ordered of it")
    return TradedSymbol(listed, one.digits, one.lotSize, one.minVolume, one.maxVolume, one.stepVolume, _terms(one, now_us))


def plain(name: str) -> str:
    """A name without what houses put between its currencies."""
    return name.upper().replace("/", "").replace("_", "").replace("-", "")


def _terms(one: Any, now_us: int) -> TradingTerms:
    zone = one.scheduleTimeZone or "UTC"
    return TradingTerms(
        digits=one.digits,
        pip=10.0**-one.pipPosition,
        min_units=-(-one.minVolume // VOLUME_OF_UNIT),
        max_units=one.maxVolume // VOLUME_OF_UNIT,
        step_units=max(1, -(-one.stepVolume // VOLUME_OF_UNIT)),
        schedule=tuple((span.startSecond, span.endSecond) for span in one.schedule) or None,
        time_zone=zone,
        holidays=tuple(sorted(span for day in one.holiday for span in _closed(day, now_us))),
        is_open=one.tradingMode == _ENABLED,
        may_short=one.enableShortSelling or not one.HasField("enableShortSelling"),
    )


def _closed(day: Any, now_us: int) -> list[tuple[int, int]]:
    """The closed stretches of a holiday in µs since the epoch; `holidayDate` is in days since it, on the symbol's own clock."""
    zone = ZoneInfo(day.scheduleTimeZone or "UTC")
    first = (_EPOCH + timedelta(days=day.holidayDate)).replace(tzinfo=None)
    now = _EPOCH + timedelta(microseconds=now_us)
    years = range(now.year - 1, now.year + 2) if day.isRecurring else [first.year]
    whole = (day.startSecond, day.endSecond) if day.HasField("endSecond") else (0, DAY_S)
    found = []
    for year in years:
        try:
            midnight = first.replace(year=year)
        except ValueError:
            continue  # the 29th of February of a year that has none
        begin, end = (_us((midnight + timedelta(seconds=second)).replace(tzinfo=zone)) for second in whole)
        found.append((begin, end))
    return found


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
