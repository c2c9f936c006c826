"""fxgpt live why | guards: which guard said no and how often, and what each of them allows."""

import getpass
import re
from dataclasses import asdict, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, minute, say, tell_pairs, tell_table
from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.live.why import Why
    from fxgpt_core.portfolio.guards.settings import GuardSettings

PAPER = "paper"
SPAN = re.compile(r"(\d{1,5})([mhd])")
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
SHOWN_REASONS = 8

AccountOption = Annotated[str, typer.Option("--account", help="Account name.")]
SinceOption = Annotated[str, typer.Option("--since", metavar="SPAN", help="How far back: 90m, 24h or 7d.")]
OneSymbolOption = Annotated[str | None, typer.Option("--symbol", "-s", help="One symbol, such as EURUSD; all without it.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A new value; may be repeated.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why; kept with your name in the ledger. Needed with --set.")]


def why(
    since: SinceOption = "24h", symbol: OneSymbolOption = None, account: AccountOption = PAPER, json: JsonFlag = False
) -> None:
    """Why nothing traded: candles decided, wishes, orders, and each guard that said no, how often, with its last example.

    Example: fxgpt live why --since 24h --symbol EURUSD
    """
    from fxgpt_core.cli.stored import opened_ledger
    from fxgpt_core.live.why import why as found_why
    from fxgpt_core.market.symbols import symbol as symbol_of

    ledger = opened_ledger(read_settings())
    name = None if symbol is None else symbol_of(symbol).name
    start = ledger.now() - _span(since)
    found = found_why(ledger, account, start, name)
    payload = {"account": account, "since": start, "symbol": name, **asdict(found)}
    answer(payload, json, lambda: _tell_why(found, f"account {account}, since {minute(start)} UTC"))


def guards(
    changes: SetOption = None, reason: ReasonOption = None, account: AccountOption = PAPER, json: JsonFlag = False
) -> None:
    """What each guard allows, with its default and what it protects from; --set changes it, from the gateway's next start on.

    An account that replays candles asks few of them, by what its backtest allows: docs/guards.md.

    Example: fxgpt live guards --account demo --set max_daily_loss=0.02 --reason "a new strategy, a small budget"
    """
    from fxgpt_core.live.guard_file import guard_file, read_guard_settings, write_guard_settings

    settings = read_settings()
    found = read_guard_settings(settings.data_root, account)
    if changes:
        from fxgpt_core.cli.stored import opened_ledger

        found = _changed(found, changes)
        ledger = opened_ledger(settings)
        write_guard_settings(settings.data_root, ledger, account, found, by=getpass.getuser(), reason=reason or "")
    elif reason is not None:
        raise BadInputError("--reason tells why a setting is changed, and none is; give --set NAME=VALUE with it")
    rows = _rows(found)
    payload = {"account": account, "file": guard_file(settings.data_root, account), "changed": bool(changes), "settings": rows}
    answer(payload, json, lambda: _tell_guards(rows, account, bool(changes)))


def _span(text: str) -> timedelta:
    found = SPAN.fullmatch(text.strip().lower())
    if found is None or int(found[1]) == 0:
        raise BadInputError(f"{text!r} is no span of time; give a number of minutes, hours or days, as in 90m, 24h or 7d")
    return int(found[1]) * UNITS[found[2]]


def _changed(settings: "GuardSettings", changes: list[str]) -> "GuardSettings":
    from fxgpt_core.portfolio.guards.settings import GuardSettings, parsed

    values = asdict(settings)
    for change in changes:
        name, separator, text = change.partition("=")
        if not separator:
            raise BadInputError(f"{change!r} sets nothing; give NAME=VALUE, as in max_daily_loss=0.02")
        values[name.strip()] = parsed(name.strip(), text)
    return GuardSettings.of(values)


def _rows(settings: "GuardSettings") -> list[dict[str, Any]]:
    """A row for each setting in the order of the guards; `replay` is what counts where candles are replayed."""
    from fxgpt_core.portfolio.guards.evaluation import GUARDS, REPLAY_SETTINGS

    default, rows = type(settings)(), []
    for guard in GUARDS:
        row: dict[str, Any] = {"guard": guard.name, "setting": None, "value": None, "unit": None, "default": None}
        own = [each for each in fields(settings) if each.metadata["guard"] == guard.name]
        for each in own:
            values = {"value": getattr(settings, each.name), "unit": each.metadata["unit"]}
            values |= {"setting": each.name, "default": getattr(default, each.name)}
            replay = getattr(REPLAY_SETTINGS, each.name) if guard.in_replay else "not asked"
            rows.append({**row, **values, "replay": replay, "protects from": each.metadata["protects_from"]})
        if not own:
            rows.append({**row, "replay": "asked" if guard.in_replay else "not asked", "protects from": guard.protects_from})
    return rows


def _tell_guards(rows: list[dict[str, Any]], account: str, changed: bool) -> None:
    tell_table(rows, "none")
    own = [str(row["setting"]) for row in rows if row["value"] != row["default"]]
    say("`replay` counts where candles are replayed, as on the paper broker; there the values of the file do not count")
    say(f"account {account}: {', '.join(own) + ' differ from the defaults' if own else 'all as by default'}")
    if changed:
        say("a gateway that runs keeps what it began with: restart it to guard by these")


def _tell_why(found: "Why", title: str) -> None:
    wishes = sum(found.signals.values())
    say(title)
    tell_pairs(
        {
            "candles decided": found.decisions,
            "wished to trade": wishes,
            "signals": _listed(found.signals),
            "orders": _listed(found.orders),
        }
    )
    say()
    tell_table([{"guard": each.guard, "denied": each.count, "last": minute(each.last_at)} for each in found.refused], "no denial")
    for each in found.refused:
        say(f"{each.guard}, last on {each.last_symbol} at {minute(each.last_at)} UTC: {each.found}, {each.allowed}")
        say(f"  what to do: {each.remedy}")
    if found.wishless:
        say()
        say("decisions that wished nothing, by their reason")
        tell_table([{"reason": reason, "candles": n} for reason, n in found.wishless[:SHOWN_REASONS]], "none")


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {state.lower().replace('_', ' ')}" for state, n in counts.items()) or "none"
