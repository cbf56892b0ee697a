"""What the first run prints: where it is, how to call it, what to do next."""

import sys
from functools import partial
from shutil import which

from homeport.cli.context import Context


def show(state: Context, url: str, total: float, engines: dict[str, float], *, quiet: bool) -> None:
    """Print the URL, the key file, a curl, three lines of Python and the next steps.

    Args:
        total: seconds from the command to ready.
        engines: seconds until each engine answered.
    """
    say = partial(state.console.print, soft_wrap=True)  # what is to be copied must not be broken
    spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in engines.items())
    say(f"[bold green]Homeport is ready[/] at [bold]{url}/v1[/] after {total:.1f} s" + (f" ({spent})" if spent else ""))
    say(f"Key file: {state.home.local_key}")
    if quiet:
        return
    _show_console(state, url)
    say()
    say(f'  curl {url}/v1/chat/completions -H "Authorization: Bearer $(cat {state.home.local_key})" \\', markup=False)
    say(
        """    -d '{"model": "auto", "messages": [{"role": "user", "content": "What is a lease?"}]}' -i""", markup=False
    )
    say()
    say("  from openai import OpenAI", markup=False)
    say(f'  client = OpenAI(base_url="{url}/v1", api_key=open("{state.home.local_key}").read().strip())', markup=False)
    say(
        '  print(client.chat.completions.create(model="auto", '
        'messages=[{"role": "user", "content": "Hello"}]).choices[0].message.content)',
        markup=False,
    )
    say()
    _show_tiers(state)
    program = "homeport" if which("homeport") else sys.argv[0]
    commands = ", ".join(f"`{program} {name}`" for name in ("chat", "cost", "status", "check"))
    say(f"Next, in another terminal: {commands}. Ctrl-C stops.")


def _show_console(state: Context, url: str) -> None:
    console = state.settings.console
    if not console.enabled:
        return
    first = f", user admin, password in {state.home.console_password}" if state.home.console_password.exists() else ""
    state.console.print(f"Console: [bold]{console.public_url or url}/console[/]{first}", soft_wrap=True)


def _show_tiers(state: Context) -> None:
    tiers: dict[str, list[str]] = {}
    for active in state.settings.active_targets():
        tiers.setdefault(active.tier, []).append(active.target.public_name)
    for tier, models in tiers.items():
        state.console.print(f"  [bold]{tier:<9}[/] {', '.join(models)}")
    off = [f"{name} ({' or '.join(variables)})" for name, variables in state.settings.switched_off() if variables]
    if off:
        state.console.print(f"  [dim]off until their key is set: {', '.join(off)}[/]")
    state.console.print()
