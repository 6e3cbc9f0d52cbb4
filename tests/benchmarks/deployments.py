"""Gateways that run already, here or elsewhere, as benchmarks are told of them."""

import argparse
import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

TOKEN = "WATTGATE_TOKEN"


class Deployment(NamedTuple):
    """Both edges of a gateway, and what a caller needs for them."""

    https_address: tuple[str, int]
    name: str
    """That of its certificate."""
    grpc_target: str
    ca_file: Path | None
    """Of the authority to trust; None: those the machine trusts."""
    token: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those that name a deployment."""
    parser.add_argument(
        "--target",
        metavar="URL",
        help="a gateway to measure where it is, https://host[:port] (default: one of ours)",
    )
    parser.add_argument(
        "--grpc-target", metavar="HOST:PORT", help="its gRPC port (default: 8444 of that host)"
    )
    parser.add_argument(
        "--token",
        default=os.environ.get(TOKEN),
        help=f"an access token for it with scope forecast (default: ${TOKEN})",
    )
    parser.add_argument(
        "--ca-file", type=Path, help="PEM of the authority to trust (default: those this machine trusts)"
    )


def deployment(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> Deployment | None:
    """The one that was named; ends the program where the arguments make none."""
    if not asked.target:
        return None
    url = urlsplit(asked.target)
    if url.scheme != "https" or not url.hostname or url.path.strip("/"):
        parser.error("--target is a URL like https://gateway.example:8443")
    if not asked.token:
        parser.error(f"--target needs --token, or {TOKEN} in the environment")
    if asked.ca_file and not asked.ca_file.is_file():
        parser.error(f"--ca-file: there is no {asked.ca_file}")
    return Deployment(
        (url.hostname, url.port or 443),
        url.hostname,
        asked.grpc_target or f"{url.hostname}:8444",
        asked.ca_file,
        asked.token,
    )
