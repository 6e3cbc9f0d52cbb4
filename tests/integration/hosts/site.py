"""Hosts of their own on one machine: network namespaces with an address each, on one switch.

All of it is within a namespace of the user's own (`NAMESPACE`), which goes with its last process; nothing of
the machine is touched, and no packet leaves it.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

NAMESPACE = ("unshare", "--user", "--map-root-user", "--net", "--mount")
"""Command that runs another where it may make hosts."""

SWITCH, NETWORK = "switch", "10.77.0"
HERE = f"{NETWORK}.1"
"""Where whoever made the hosts is, on the same switch."""


def is_permitted() -> bool:
    """Whether this machine lets us make hosts."""
    if not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        return False
    tried = subprocess.run([*NAMESPACE, sys.executable, "-m", __name__], capture_output=True, check=False)
    return tried.returncode == 0


def make_switch() -> None:
    """The network that hosts are put on. Raises CalledProcessError."""
    for command in (
        "link set lo up",
        f"link add {SWITCH} type bridge",
        f"address add {HERE}/24 dev {SWITCH}",
        f"link set {SWITCH} up",
    ):
        _ip(command)


class Host:
    """One of them, with names that it knows others by (a hosts file of its own)."""

    def __init__(self, number: int, names: Mapping[str, list[str]], folder: Path) -> None:
        """Its address is NETWORK.number; `names` has the addresses of each name."""
        self.address = f"{NETWORK}.{number}"
        self._cable = f"host{number}"
        self._hosts_file = folder / f"hosts-{number}"
        lines = [f"{address} {name}" for name, addresses in names.items() for address in addresses]
        self._hosts_file.write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(["unshare", "--net", "--mount", "sleep", "infinity"])
        self._wait_until_apart()
        pid = str(self._process.pid)
        self.within = ("nsenter", "--target", pid, "--net", "--mount", "--wd", "--")
        _ip(f"link add {self._cable} type veth peer name eth0 netns {pid}")
        _ip(f"link set {self._cable} master {SWITCH} up")
        for command in (
            f"ip address add {self.address}/24 dev eth0",
            "ip link set eth0 up",
            "ip link set lo up",
            f"mount --bind {self._hosts_file} /etc/hosts",
        ):
            subprocess.run([*self.within, *command.split()], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def cut_off(self) -> None:
        """Pull its cable: nobody is told anything, packets vanish."""
        _ip(f"link set {self._cable} down")

    def bring_back(self) -> None:
        """Plug it in again."""
        _ip(f"link set {self._cable} up")

    def _wait_until_apart(self) -> None:
        ours = Path("/proc/self/ns/net").readlink()
        while Path(f"/proc/{self._process.pid}/ns/net").readlink() == ours:
            time.sleep(0.01)


def _ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)


if __name__ == "__main__":
    make_switch()
