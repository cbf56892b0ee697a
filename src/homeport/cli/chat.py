"""`homeport chat`: ask a model from the terminal."""

import sys
from typing import Annotated, Any

import msgspec
import typer

from homeport.cli.context import Context, Json
from homeport.cli.gateway_client import GatewayClient
from homeport.core.errors import HomeportError
from homeport.inspection.visible import shown


def register(app: typer.Typer) -> None:
    app.command()(chat)


def chat(
    context: typer.Context,
    text: Annotated[str | None, typer.Argument(help="The question; without it a conversation begins.")] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="A model, a tier, or auto.")] = "auto",
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The longest answer, in tokens.")] = None,
    json: Json = False,
) -> None:
    """Ask the running gateway, and see which tier answered and what it cost.

    Example: homeport chat "What is a lease?" --model local
    """
    state: Context = context.obj
    client = GatewayClient(state.home)
    asked: dict[str, Any] = {"model": model} if max_tokens is None else {"model": model, "max_tokens": max_tokens}
    messages: list[dict[str, str]] = []
    if text is not None:
        _turn(state, client, asked, messages, text, json=json)
        return
    state.console.print("[dim]An empty line ends the conversation.[/]")
    while question := _ask():
        _turn(state, client, asked, messages, question, json=json)


def _ask() -> str:
    try:
        return input("> ").strip()
    except EOFError:
        return ""


def _turn(
    state: Context,
    client: GatewayClient,
    asked: dict[str, Any],
    messages: list[dict[str, str]],
    text: str,
    *,
    json: bool,
) -> None:
    messages.append({"role": "user", "content": text})
    answer, receipt = _stream(client, {**asked, "messages": messages}, show=not json)
    messages.append({"role": "assistant", "content": answer})
    if json:
        state.print_json({"answer": answer, **receipt})
        return
    state.console.print(f"\n[dim]{receipt['tier']} · {receipt['model']} · ${receipt['cost_usd']}[/]")


def _show(text: str) -> None:
    """What a model writes may be meant for a terminal; a file gets it as it is."""
    sys.stdout.write(shown(text, len(text)) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def _stream(client: GatewayClient, body: dict[str, Any], *, show: bool) -> tuple[str, dict[str, Any]]:
    parts: list[str] = []
    receipt: dict[str, Any] = {}
    with client.post(
        "/v1/chat/completions", {**body, "stream": True, "stream_options": {"include_usage": True}}
    ) as response:
        for line in response:
            if not line.startswith(b"data:") or b"[DONE]" in line:
                continue
            chunk = msgspec.json.decode(line.removeprefix(b"data:"))
            if "error" in chunk:
                raise HomeportError(chunk["error"]["message"], code=chunk["error"]["code"])
            receipt = chunk.get("homeport", receipt)
            for choice in chunk["choices"]:
                parts.append(choice["delta"].get("content") or "")
                if show:
                    _show(parts[-1])
    return "".join(parts), receipt
