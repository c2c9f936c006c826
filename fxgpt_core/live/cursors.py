"""Up to which candle the positions of an account were managed, by symbol and timeframe."""

from sqlalchemy import insert, select, update

from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import gateway_cursors


def played_us(ledger: Ledger, account: str, symbol: str, timeframe: str) -> int | None:
    """Open time of the last candle that was played to its end."""
    place = {"account": account, "symbol": symbol, "timeframe": timeframe}
    asked = select(gateway_cursors.c.played_open_time_us).where(
        *(gateway_cursors.c[name] == value for name, value in place.items())
    )
    with ledger.reading() as connection:
        return connection.execute(asked).scalar_one_or_none()


def finished(ledger: Ledger, account: str, symbol: str, timeframe: str, open_time_us: int) -> None:
    """Note that everything a candle causes was done; the note never goes back to an earlier candle."""
    place = {"account": account, "symbol": symbol, "timeframe": timeframe}
    with ledger.begin() as connection:
        mine = [gateway_cursors.c[name] == value for name, value in place.items()]
        played = connection.execute(select(gateway_cursors.c.played_open_time_us).where(*mine)).scalar_one_or_none()
        if played is None:
            connection.execute(insert(gateway_cursors), {**place, "played_open_time_us": open_time_us})
        elif played < open_time_us:
            connection.execute(update(gateway_cursors).where(*mine).values(played_open_time_us=open_time_us))
