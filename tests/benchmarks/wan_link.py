"""A network link that delays and loses packets, with the kernel's own TCP at both ends of it.

It has to be in a network namespace of its own, where it makes a TUN device: packets for THERE go through it
and come back as packets from THERE for HERE, so that who connects to THERE reaches what listens HERE, each
packet late by half of the round trip, or lost. Linux' netem does as much where a kernel has it; this needs no
more than a namespace and /dev/net/tun.
"""

import fcntl
import heapq
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

HERE, THERE, NETWORK = "10.99.0.1", "10.99.0.2", "10.99.0.0/24"
DEVICE = "wan0"
TUN = Path("/dev/net/tun")
NAMESPACE = ("unshare", "--user", "--map-root-user", "--net")
"""Command that runs another in a network namespace of its own, in which it may do as root does."""

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_MAX_PACKET_BYTES = 65536
_SOURCE, _DESTINATION = slice(12, 16), slice(16, 20)
"""Of an IPv4 header. Swapped, they leave its checksum and TCP's as they were: both are sums."""


class Conditions(NamedTuple):
    """Of a link."""

    rtt_ms: float = 0.0
    jitter_ms: float = 0.0
    """Longest that a round trip may take more or less; packets keep their order."""
    loss: float = 0.0
    """Share of packets lost, either way."""


class Link:
    """The link, in a process of its own; to be made within the namespace."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.be(Conditions())
        return self

    def be(self, conditions: Conditions) -> None:
        """Have these conditions from now on. Raises OSError where the process has ended."""
        self._process.stdin.write(" ".join(map(str, conditions)) + "\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            raise OSError("the link ended")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


def is_permitted() -> bool:
    """Whether this machine lets us make such a link."""
    if not TUN.exists() or not shutil.which(NAMESPACE[0]) or not shutil.which("ip"):
        return False
    tried = subprocess.run(
        [*NAMESPACE, sys.executable, "-m", __name__, "--try"], capture_output=True, check=False
    )
    return tried.returncode == 0


def _open() -> int:
    """The device, up. Raises OSError, and CalledProcessError."""
    device = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    for command in (
        ("link", "set", "lo", "up"),
        ("address", "add", f"{HERE}/{NETWORK.partition('/')[2]}", "dev", DEVICE),
        ("link", "set", DEVICE, "up"),
    ):
        subprocess.run(["ip", *command], check=True)
    return device


def _turned(packet: bytes) -> bytes:
    return packet[:12] + packet[_DESTINATION] + packet[_SOURCE] + packet[20:]


def _run(device: int, conditions: Sequence[float]) -> None:
    """Carry packets until standard input ends; each line of it has new conditions, and is answered by one."""
    generator = random.Random(1)
    under_way: list[tuple[float, int, bytes]] = []
    count, last_due_s = 0, 0.0
    rtt_ms, jitter_ms, loss = conditions
    while True:
        wait_s = max(under_way[0][0] - time.monotonic(), 0) if under_way else None
        ready, _, _ = select.select([device, sys.stdin], [], [], wait_s)
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            rtt_ms, jitter_ms, loss = map(float, line.split())
            print("done", flush=True)  # noqa: T201 - the other end waits for it
        if device in ready:
            for packet in _packets(device):
                if generator.random() < loss:
                    continue
                way_s = (rtt_ms + generator.uniform(-jitter_ms, jitter_ms)) / 2000
                last_due_s = max(last_due_s, time.monotonic() + max(way_s, 0))
                count += 1
                heapq.heappush(under_way, (last_due_s, count, _turned(packet)))
        while under_way and under_way[0][0] <= time.monotonic():
            os.write(device, heapq.heappop(under_way)[2])


def _packets(device: int) -> list[bytes]:
    """Those that wait to be read, IPv4 ones."""
    found = []
    while True:
        try:
            packet = os.read(device, _MAX_PACKET_BYTES)
        except BlockingIOError:
            return found
        if packet[0] >> 4 == 4:
            found.append(packet)


if __name__ == "__main__":
    opened = _open()
    if sys.argv[1:] != ["--try"]:
        _run(opened, Conditions())
