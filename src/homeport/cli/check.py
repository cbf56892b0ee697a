"""`homeport check`: what is wrong with the configuration, and how to mend it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec
import typer
from rich.markup import escape

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.config.schema import Settings, TargetSettings
from homeport.core.errors import HomeportError
from homeport.ledger.budgets import capping
from homeport.ledger.price_book import PriceBook, Stale
from homeport.packages.layout import Store

_NO_PRICE = "add a `price:`, in `prices` if no list has it; keys with a budget cannot use it"
_FEW = 5
_COLOURS = {"ok": "green", "off": "dim", "warning": "yellow", "error": "red"}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at. `level`: ok, off, warning or error; `mend`: what to do, or ""."""

    level: str
    subject: str
    message: str
    mend: str = ""


def register(app: typer.Typer) -> None:
    app.command()(check)


def check(context: typer.Context, json: Json = False) -> None:
    """Check the configuration: keys, adapters, packages, routing, privacy, prices. Exit code 1 if something is wrong.

    Example: homeport check
    """
    state: Context = context.obj
    findings = examine(state.settings, state)
    if json:
        state.print_json(findings)
    else:
        for finding in findings:
            mend = f" [bold]->[/] {escape(finding.mend)}" if finding.mend else ""
            colour = _COLOURS[finding.level]
            state.console.print(
                f"[{colour}]{finding.level:<8}[/]{escape(finding.subject)}: {escape(finding.message)}{mend}"
            )
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


def examine(settings: Settings, state: Context) -> list[Finding]:
    """Everything there is to say, in the order of the file."""
    findings = [Finding(level="ok", subject=str(state.config), message="reads well")]
    findings.append(_told("storage", lambda: bootstrap.try_storage(settings, state.home)))
    findings.append(_told("trust", lambda: bootstrap.try_trust(settings)))
    findings += [_package(name, settings, state) for name in settings.packages]
    try_engine = partial(bootstrap.try_engine, home=state.home)
    findings += [_tried(f"engines.{name}", try_engine, settings, name) for name in settings.engines]
    findings += [_provider(settings, name) for name in settings.providers]
    findings.append(_told("routing", lambda: bootstrap.try_routing(settings, state.home)))
    findings.append(_told("privacy", lambda: bootstrap.try_privacy(settings)))
    findings.append(_told("cache", lambda: bootstrap.try_cache(settings, state.home)))
    findings.append(_told("evaluation", lambda: bootstrap.try_evaluation(settings, state.home)))
    findings.append(_told("judge", lambda: bootstrap.try_judge(settings)))
    findings.append(_told("evaluation.prompt_drift", lambda: bootstrap.try_prompt_drift(settings)))
    findings.append(_told("telemetry", lambda: bootstrap.try_telemetry(settings)))
    targets = [target for tier in settings.tiers for target in tier.targets if target.provider]
    book, now = PriceBook(settings), datetime.now(UTC)
    findings += [_price(book, target, now) for target in targets]
    findings += _capped(settings, state, book, now)
    return findings + [_stale(stale) for stale in book.stale(now.date())]


def _told(subject: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(level="ok", subject=subject, message=attempt())
    except HomeportError as error:
        return Finding(level="error", subject=subject, message=error.message, mend=error.hint)


def _package(name: str, settings: Settings, state: Context) -> Finding:
    subject, store = f"packages.{name}", Store(state.home.packages)
    try:
        stored = store.get(name)
        if stored is None:
            return Finding(level="warning", subject=subject, message="not pulled", mend=f"homeport package pull {name}")
        verdict = bootstrap.judge_stored(bootstrap.trust_policy(settings), store, stored, bootstrap.utc_day())
    except HomeportError as error:
        return Finding(level="error", subject=subject, message=error.message, mend=error.hint)
    level = "warning" if verdict.warning else "ok"
    return Finding(level=level, subject=subject, message=verdict.warning or f"{stored.digest}")


def _provider(settings: Settings, name: str) -> Finding:
    subject = f"providers.{name}"
    variables = dict(settings.switched_off()).get(name)
    if variables is None:
        return _tried(subject, bootstrap.try_provider, settings, name)
    mend = f"export {' or '.join(variables)}=..." if variables else "write its api_key"
    return Finding(level="off", subject=subject, message="has no key", mend=mend)


def _tried(subject: str, attempt: Callable[[Settings, str], object], settings: Settings, name: str) -> Finding:
    try:
        attempt(settings, name)
    except HomeportError as error:
        return Finding(level="error", subject=subject, message=error.message, mend=error.hint)
    return Finding(level="ok", subject=subject, message="is set up well")


def _price(book: PriceBook, target: TargetSettings, now: datetime) -> Finding:
    subject = f"price of {target.public_name}"
    try:
        price = book.of_target(target, now)
    except HomeportError as error:
        return Finding(level="error", subject=subject, message=error.message, mend=error.hint)
    if price is None:
        return Finding(level="warning", subject=subject, message="none: its requests cost 0", mend=_NO_PRICE)
    return Finding(level="ok", subject=subject, message=price.source)


def _capped(settings: Settings, state: Context, book: PriceBook, now: datetime) -> list[Finding]:
    """Models that keys under a budget may call and cannot use, for want of a price."""
    if settings.budgets.unknown_price is not None:
        return []
    try:
        budgets, keys = bootstrap.caps(settings, state.home)
        found = {
            (tier.name, target.public_name): capping(budgets, keys, tier.name, target.public_name)
            for tier in settings.tiers
            for target in tier.targets
            if target.provider and book.of_target(target, now) is None
        }
    except HomeportError:
        return []  # it is told of already: as what is wrong with the storage, or with a price
    return [_refused(name, names) for (_, name), names in found.items() if names]


def _refused(model: str, budgets: Sequence[str]) -> Finding:
    named = ", ".join(budgets[:_FEW]) + (f" and {len(budgets) - _FEW} more" if len(budgets) > _FEW else "")
    return Finding(
        level="warning",
        subject=f"budgets of {model}",
        message=f"it has no price, so requests under {named} are not sent to it",
        mend="add a `price:`, or set budgets.unknown_price_usd",
    )


def _stale(stale: Stale) -> Finding:
    message = f"nobody has looked at it since {stale.since}"
    return Finding(level="warning", subject=f"prices of {stale.subject}", message=message, mend=stale.mend)
