"""`python -m fxgpt_pipelines.live_replay ASKED`: recorded candles released to a deployment on paper.

ASKED is a JSON object: symbol, timeframe, from, to, speed, json; `fxgpt live replay` gives it.
"""

import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fxgpt_core.candles.since import moment_of
from fxgpt_core.cli import failure
from fxgpt_core.cli.answer import answer, say
from fxgpt_core.cli.countdown import on_terminal
from fxgpt_core.errors import BadInputError, NotReadyError, RefusedError
from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_core.settings import Settings, read_settings
from fxgpt_pipelines.replay import Series, gateway_lives, held_out

if TYPE_CHECKING:
    from fxgpt_core.live.candle_feed import ClosedCandle
    from fxgpt_core.live.releasing import Pace
    from fxgpt_core.registry.ledger import Ledger

PAPER = "paper"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def replay(settings: Settings, ledger: "Ledger", asked: Mapping[str, Any], pace: "Pace") -> dict[str, Any]:
    """Release what is asked for, and tell what was.

    Raises `NotReadyError` where nothing is deployed that would decide, `RefusedError` for a deployment that moves money,
    `BadInputError` for times that would leave a hole, and what `release` and the provider raise.
    """
    from fxgpt_core.live.releasing import SOURCE, release_paced

    series = _series(ledger, symbol_of(asked["symbol"]).name, str(timeframe_of(asked["timeframe"])))
    waiting = _wanted(held_out(settings, ledger, series), asked)
    place, began = (series.symbol, series.timeframe), time.monotonic()
    n_new = release_paced(ledger, place, waiting, pace, on_terminal("candles released"))
    span = [_moment(candle.open_time_us) for candle in (waiting[0], waiting[-1])] if waiting else [None, None]
    return {
        "symbol": series.symbol, "timeframe": series.timeframe, "deployment_id": series.deployment_id, "source": SOURCE,
        "released": n_new, "first": span[0], "last": span[1], "seconds": round(time.monotonic() - began, 3),
        "gateway_lives": gateway_lives(ledger, PAPER),
    }  # fmt: skip


def _series(ledger: "Ledger", symbol: str, timeframe: str) -> Series:
    from fxgpt_core.registry.deployments import Deployments

    active = Deployments(ledger).active(symbol, timeframe)
    if not active:
        raise NotReadyError(
            f"no deployment of {symbol} {timeframe} is active, and one decides only on candles that come in after it: "
            f"run `fxgpt deploy --symbol {symbol} --timeframe {timeframe}` first"
        )
    for one in active:
        if one.broker != PAPER:
            raise RefusedError(
                f"deployment {one.id} of {symbol} {timeframe} trades at the broker {one.broker}; recorded candles are for paper "
                "only: deploy the series to paper first, in a data root of its own"
            )
    return Series(symbol, timeframe, active[0].id)


def _wanted(waiting: "list[ClosedCandle]", asked: Mapping[str, Any]) -> "list[ClosedCandle]":
    """Those of the waiting candles that are asked for. Raises `BadInputError` where that leaves out the next one."""
    if asked["from"] is not None and waiting:
        first_us = _us(moment_of(asked["from"], "--from"))
        if first_us > waiting[0].open_time_us:
            raise BadInputError(
                f"the next candle opens at {_moment(waiting[0].open_time_us):%Y-%m-%d %H:%M} UTC and --from {asked['from']} is "
                "behind it; after a hole nothing is decided any more: begin there, or leave --from out"
            )
    if asked["to"] is None:
        return waiting
    stop_us = _us(moment_of(asked["to"], "--to"))
    return [candle for candle in waiting if candle.open_time_us < stop_us]


def _us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _moment(time_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=time_us)


def _tell(found: Mapping[str, Any]) -> None:
    if not found["released"]:
        say(f"{found['symbol']} {found['timeframe']}: no recorded candle is left that the feed has not had")
        return
    say(
        f"{found['symbol']} {found['timeframe']}: {found['released']} candles released to deployment {found['deployment_id']}, "
        f"{found['first']:%Y-%m-%d %H:%M} to {found['last']:%Y-%m-%d %H:%M} UTC"
    )
    if not found["gateway_lives"]:
        say("no gateway of the account paper plays them: start `fxgpt gateway`; `fxgpt live status` shows what waits")


def main(asked: Mapping[str, Any]) -> int:
    """Replay and tell; returns the exit code (see fxgpt_core/errors.py)."""
    settings = read_settings()
    try:
        from fxgpt_core.cli.stored import opened_ledger
        from fxgpt_core.live.releasing import Pace

        found = replay(settings, opened_ledger(settings), asked, Pace(asked["speed"]))
        answer(found, bool(asked["json"]), lambda: _tell(found))
    except BaseException as error:  # noqa: BLE001 -- the edge: told in one line, the traceback goes to the log folder
        return failure.told(error, bool(asked["json"]), settings.data_root / "logs", datetime.now(UTC))
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
