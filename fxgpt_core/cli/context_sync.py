"""fxgpt context sync: bring downloaded daily closes up to date."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, VerifyOption, answer, minute, say
from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import provider_key, read_settings

if TYPE_CHECKING:
    from fxgpt_core.context.store import StoredContext
    from fxgpt_core.context.sync import ContextSyncResult

KindOption = Annotated[str, typer.Option("--kind", "-k", help="spy or qqq; of yahoo also vix or spx.")]
ProviderOption = Annotated[
    str, typer.Option("--provider", "-p", help="yahoo, or alpaca with its two keys (FXGPT_ALPACA_KEY, FXGPT_ALPACA_SECRET_KEY).")
]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="DAY", help="First trade date, such as 2016-01-31; kept from then on.")
]


def sync_context(
    kind: KindOption, provider: ProviderOption, since: SinceOption = None, verify: VerifyOption = False, json: JsonFlag = False
) -> None:
    """Download the daily closes that are missing; they are joined from then on, and every version before is kept.

    Example: fxgpt context sync --kind spy --provider alpaca --since 2016-01-04
    """
    from fxgpt_core.context.kinds import kind_of
    from fxgpt_core.context.remote import context_source
    from fxgpt_core.context.store import FOLDER, ContextStore
    from fxgpt_core.context.sync import ContextSyncParameters, sync

    kind_of(kind)
    wanted = ContextSyncParameters(kind, datetime.now(UTC), _day(since), revise=verify)
    result = sync(context_source(provider, provider_key), ContextStore(read_settings().data_root / FOLDER), wanted)
    payload = {
        "provider": provider,
        "kind": kind,
        "asked": [{"first": first, "last": last} for first, last in result.asked],
        "added": result.added,
        "revised": list(result.revised),
        "withdrawn": list(result.withdrawn),
        "stored": _version(result.stored),
        "earlier": None if result.earlier is None else _version(result.earlier),
    }
    answer(payload, json, lambda: _tell(result))


def _tell(result: "ContextSyncResult") -> None:
    stored, earlier = result.stored, result.earlier
    say(f"stored {stored.rows} closes of {stored.kind}, known from {minute(stored.first)} to {minute(stored.last)} UTC")
    for first, last in result.asked:
        say(f"asked for {first} to {last}")
    say(f"{result.added} new, {len(result.revised)} changed by {stored.source}")
    if result.revised:
        say(f"changed: from {result.revised[0]} to {result.revised[-1]}; the version before is kept")
    if result.withdrawn:
        say(f"note: {len(result.withdrawn)} closes came no more, from {result.withdrawn[0]} on; the version before has them")
    if earlier and earlier.source != stored.source:
        say(f"note: {stored.kind} from {earlier.source} is kept, and joined no more; import or sync it again to join that one")
    say("nothing changed: no new version" if earlier == stored else "next: materialize the asset context_series")


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInputError(f"--since {text!r} is no day; a trade date such as 2016-01-31 is") from error


def _version(stored: "StoredContext") -> dict[str, Any]:
    known = {"first_known_at": stored.first, "last_known_at": stored.last}
    return {"rows": stored.rows, **known, "source": stored.source, "sha256": stored.sha256, "path": stored.path}
