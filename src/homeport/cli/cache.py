"""`homeport cache`: what is kept and what it saved; taking it out; what would become of a request."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.api.cache_admin import CacheStats, partition_unknown, purge_fields, stats
from homeport.cli.context import Context, Json, check_text
from homeport.cli.cost import stretch
from homeport.cli.gateway_client import GatewayClient
from homeport.core.caching import Purge
from homeport.core.errors import ConfigError, InvalidRequest
from homeport.core.types import DataClass, Surface
from homeport.pipeline.cache_told import ToldCache, ToldPlace
from homeport.storage.cached_figures import is_off
from homeport.storage.ingest import ingest

app = typer.Typer(help="Answers that are kept: see, explain and take them out.", no_args_is_help=True)

_MOST_BYTES = 16 << 20
_ID_CHARS = 32
_IDS = ("id", "partition", "prompt")
_HEADER = "x-homeport-data-class"


def _checked(text: str | None) -> str | None:
    return None if text is None else check_text(text)


@app.command("stats")
def stats_(
    context: typer.Context,
    since: Annotated[str, typer.Option(help="Answers of the last 30m, 24h, 7d, ...")] = "24h",
    json: Json = False,
) -> None:
    """What is kept by all processes together, what was answered from it, and what that saved.

    Example: homeport cache stats --since 7d
    """
    state: Context = context.obj
    start, _ = stretch(since, None)
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)
    told = stats(engine, bootstrap.terms_of(state.settings.cache), time.time_ns(), start)
    if json:
        state.print_json({name: value for name, value in msgspec.to_builtins(told).items() if name != "process"})
    else:
        _show_stats(state, told, since)


@app.command()
def purge(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Every entry.")] = False,
    tag: Annotated[str | None, typer.Option(callback=_checked, help="Entries with this tag.")] = None,
    model: Annotated[str | None, typer.Option(callback=_checked, help="What this model answered.")] = None,
    key: Annotated[str | None, typer.Option(callback=_checked, help="What was made for the key with this id.")] = None,
    system: Annotated[Path | None, typer.Option(help="A file with the system prompt that they were made with.")] = None,
    prompt: Annotated[str | None, typer.Option(callback=_checked, help="The id of that prompt.")] = None,
    partition: Annotated[str | None, typer.Option(callback=_checked, help="A partition, by its id.")] = None,
    entry: Annotated[str | None, typer.Option("--id", callback=_checked, help="One entry.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before every entry is taken out.")] = False,
    json: Json = False,
) -> None:
    """Take entries out: those to which all that is said applies. Running gateways follow within a second.

    Example: homeport cache purge --tag prices
    """
    state: Context = context.obj
    said: dict[str, Any] = {
        "all": everything,
        "id": entry,
        "partition": partition,
        "prompt": prompt,
        "system": None if system is None else _text(system),
        "tag": tag,
        "model": model,
        "key": key,
    }
    engine = bootstrap.open_storage(state.settings, state.home)
    cache = bootstrap.open_cache(engine, state.home)
    meant = _meant({name: value for name, value in said.items() if value is not None}, cache.keys.prompt)
    if everything and not yes:
        typer.confirm("Take every kept answer out?", abort=True, err=True)
    count = asyncio.run(cache.desk.purge(meant))
    named = {name: value for name, value in said.items() if value and name != "system"}
    state.note("cache.purge", purged=count, system=system is not None, **named)
    if json:
        state.print_json({"purged": count})
    else:
        state.console.print(f"Took {count:,} {'entry' if count == 1 else 'entries'} out.")


@app.command()
def explain(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="PROMPT", help="The prompt.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="A file with a whole request, as JSON.")] = None,
    surface: Annotated[Surface, typer.Option(help="What the request is for.")] = Surface.CHAT,
    model: Annotated[str, typer.Option("--model", "-m", help="A model, a tier, or auto.")] = "auto",
    private: Annotated[bool, typer.Option("--private", help="As if it were marked private.")] = False,
    json: Json = False,
) -> None:
    """Tell what the cache of the running gateway would do with a request, and why; nothing is sent or counted.

    It asks with the local key, so it tells of entries that are that key's, or shared with it.

    Example: homeport cache explain "How do I cancel?"
    """
    state: Context = context.obj
    if (file is None) == (not words):
        raise ConfigError(
            "say either a prompt or --file", code="cache_request_missing", hint="homeport cache explain -h"
        )
    body = _request(file) if file is not None else _chat(words or [], model)
    headers = {_HEADER: DataClass.PRIVATE.value} if private else {}
    with GatewayClient(state.home).post(f"/v1/cache/explain?surface={surface.value}", body, headers) as response:
        told = msgspec.json.decode(response.read(), type=ToldCache)
    if json:
        state.print_json(told)
    else:
        _show_told(state, told)


@app.command()
def resume(
    context: typer.Context,
    partition: Annotated[str, typer.Argument(callback=check_text, help="From `homeport cache stats`.")],
    json: Json = False,
) -> None:
    """Let a partition that switched itself off answer again, as if it were new; gateways follow within a second.

    Example: homeport cache resume 8d1e4b796305b0c7f6f4c9a1e53f0c2a
    """
    state: Context = context.obj
    engine = bootstrap.open_storage(state.settings, state.home)
    name = _hex(partition)
    if name is None or not is_off(engine, name):
        raise partition_unknown(partition)
    asyncio.run(bootstrap.open_cache(engine, state.home).desk.resume(name))
    state.note("cache.resume", partition)
    if json:
        state.print_json({"partition": partition, "resumed": True})
    else:
        state.console.print(f"{partition} answers again.")


def _meant(said: Mapping[str, Any], prompt_of: Callable[[str], bytes]) -> Purge:
    """As the admin API reads it, and refused in the words of the command line."""
    try:
        return purge_fields(msgspec.json.encode(said)).purge(prompt_of)
    except InvalidRequest as error:
        if error.code == "cache_purge_unclear":
            message, hint = error.message, "name what goes, such as --tag NAME, or say --all and nothing else"
        elif error.param in _IDS and error.param in said:
            message, hint = f"--{error.param} takes an id", "32 characters of 0-9 and a-f, from homeport cache explain"
        else:
            message, hint = f"{error.message} (--{error.param})", error.hint or "homeport cache purge -h"
        raise ConfigError(message, code=error.code, hint=hint) from None


def _hex(text: str) -> bytes | None:
    is_id = len(text) == _ID_CHARS and set(text) <= set("0123456789abcdef")
    return bytes.fromhex(text) if is_id else None


def _text(path: Path) -> str:
    try:
        return _read(path).decode()
    except UnicodeDecodeError:
        raise _unreadable(path, "it is no UTF-8") from None


def _request(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(_read(path), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise _unreadable(path, "it holds no JSON object") from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except (OSError, ValueError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or "it is no path") from None


def _unreadable(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{ascii(str(path))[:200]} cannot be read: {why}", code="cache_file_unreadable", hint="name another file"
    )


def _chat(words: list[str], model: str) -> dict[str, Any]:
    # What was no UTF-8 on the command line is in no JSON.
    text = " ".join(words).encode("utf-8", "replace").decode()
    return {"model": model.encode("utf-8", "replace").decode(), "messages": [{"role": "user", "content": text}]}


def _show_stats(state: Context, told: CacheStats, since: str) -> None:
    answers = told.answers
    rate = "nobody asked it" if answers.hit_rate is None else f"{answers.hit_rate:.1%} of {answers.asked:,} requests"
    state.console.print(f"answered in the last {since}: {rate}; saved {answers.saved_usd} $, which nobody spent")
    kinds = ", ".join(f"{escape(kind)} {count:,}" for kind, count in answers.by_kind.items())
    if kinds:
        state.console.print(f"[dim]{kinds}[/]")
    state.console.print(
        f"kept: entries {told.entries:,}, bytes {told.bytes:,}, partitions {told.partitions:,}; "
        f"aliases {told.aliases:,}, barred {told.barred:,}"
    )
    for heading, amounts in (("model", told.models), ("of", told.tenants)):
        if amounts:
            table = _table(heading, "entries", "bytes")
            for name, amount in amounts.items():
                table.add_row(escape(name), f"{amount.entries:,}", f"{amount.bytes:,}")
            state.console.print(table)
    if told.checked:
        table = _table("partition", "entries", "checked", "wrong", "bound", "off since")
        for one in told.checked:
            table.add_row(
                one.partition,
                f"{one.entries:,}",
                f"{one.checked:,}",
                f"{one.wrong:,}",
                f"{one.bound:.1%}",
                _time(one.off_since),
            )
        state.console.print(table)


def _show_told(state: Context, told: ToldCache) -> None:
    state.console.print(f"[bold]{told.result}[/]{f' ({escape(told.bypass)})' if told.bypass else ''}")
    if told.rule is not None:
        rule = told.rule
        route = f"route {escape(rule.route)}" if rule.route else "no route"
        state.console.print(f"[dim]{route}: exact {rule.exact}, {rule.semantic}, {rule.share}, {rule.ttl_seconds} s[/]")
    if told.not_semantic:
        state.console.print(f"the very same request alone: {escape(told.not_semantic)}")
    for place in told.places:
        _show_place(state, place)
    if told.places and not told.warm:
        state.console.print("[yellow]the gateway is still reading what was kept before it began[/]")


def _show_place(state: Context, place: ToldPlace) -> None:
    off = "  [red]switched itself off[/]" if place.off else ""
    found = (
        "kept" if place.kept else "barred" if place.barred else f"alias of {place.alias}" if place.alias else "empty"
    )
    state.console.print(f"{escape(place.model)}: {found}  entry {place.entry}  partition {place.partition}{off}")
    if place.nearest:
        table = _table("nearest", "similarity", "same", "why", "text")
        for near in place.nearest:
            said = "yes" if near.same else "a judge's" if near.doubtful else "no"
            table.add_row(near.entry, f"{near.similarity:.4f}", said, escape(near.reason), escape(near.text or ""))
        state.console.print(table)


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(first, overflow="fold")
    for heading in others:
        table.add_column(heading, overflow="fold")
    return table


def _time(seconds: float | None) -> str:
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
