"""Ports that nobody listens on, for pairs beside others."""

from ephemeral_port_reserve import reserve

from services.local.pair import HOST, Ports


def free_port() -> int:
    """A port that nobody is given by chance within a minute; it can be listened on by name."""
    port: int = reserve(HOST)
    return port


def free_ports(*, rest: bool = False) -> Ports:
    """One for each edge, and for the model server's."""
    return Ports(free_port(), free_port(), free_port(), free_port() if rest else 0)
