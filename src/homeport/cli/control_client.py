"""Giving orders to the running `homeport up` from the command line."""

import socket
from collections.abc import Callable
from typing import Any

import msgspec

from homeport.bootstrap.control import Order, Place, Told
from homeport.cli.gateway_client import not_running
from homeport.config.home import Home
from homeport.core.errors import HomeportError

_CONNECT_S = 5.0


def order(home: Home, command: str, engine: str = "", version: str = "", *, tell: Callable[[str], None]) -> Any:
    """Give an order and wait until it is carried out; what became of it.

    Args:
        tell: told what is being done.

    Raises:
        HomeportError: gateway_not_running, or what refused the order.
    """
    try:
        place = msgspec.json.decode(home.control.read_bytes(), type=Place)
        with socket.create_connection(("127.0.0.1", place.port), timeout=_CONNECT_S) as connection:
            connection.settimeout(None)  # It may have to start an engine, which has a bound of its own.
            said = Order(token=place.token, command=command, engine=engine, version=version)
            connection.sendall(msgspec.json.encode(said) + b"\n")
            with connection.makefile("rb") as lines:
                for line in lines:
                    told = msgspec.json.decode(line, type=Told)
                    if told.error is not None:
                        code, message, hint = told.error
                        raise HomeportError(message, code=code, hint=hint)
                    if not told.progress:
                        return told.done
                    tell(told.progress)
    except (OSError, msgspec.MsgspecError):
        raise not_running() from None
    raise HomeportError(
        "homeport ended before the order was carried out",
        code="order_cut_short",
        hint="start it again, and look: homeport engine list",
    )
