"""`make bench-logins`: does the time of a refusal tell who has an account, and do logins hold up anybody?

Refusals are timed by turns: of names nobody has, of wrong passwords, of users who are disabled. Then many
log in at once while others forecast and a probe asks whether the gateway is alive.
"""

import argparse
import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import httpx
import numpy as np
from rich.progress import track

from services.gateway.store.database import Database
from services.gateway.store.throttle import ACCOUNT_AND_ADDRESS
from services.gateway.store.users import UserStore
from services.local.home import DEMO_USER, Home
from services.local.pair import Demo
from tests.benchmarks.measure import figures, machine
from tests.benchmarks.noise import noise, said
from tests.benchmarks.report import Sheet, draw_boxes, keep_report, keep_samples, plot, show
from tests.benchmarks.servers import MODEL, SAMPLE, shipped_pair

NAME = "logins"
KINDS = ("unknown", "wrong", "disabled")
AT_ONCE = 150
"""Logins."""
FORECASTS_PER_S, PROBES_PER_S = 10, 10
BEFORE_S = 2.0
"""Of forecasts and probes before the logins come, and after."""
TRIES = ACCOUNT_AND_ADDRESS.failures - 1
"""Of an account before it is throttled."""
WRONG = "not the password of anybody"


def main() -> None:
    """Measure, print the tables, keep report, samples and plot."""
    parser = argparse.ArgumentParser(prog="make bench-logins", description=__doc__)
    parser.add_argument("--n", type=int, default=300, help="refusals of each kind (default: 300)")
    parser.add_argument("--logins", type=int, default=AT_ONCE, help=f"at once (default: {AT_ONCE})")
    asked = parser.parse_args()
    if asked.n < TRIES or asked.logins < 1:
        parser.error(f"--n must be at least {TRIES}, --logins at least 1")
    with shipped_pair() as (pair, home):
        asyncio.run(_add_users(home, asked.n // TRIES + 1))
        demo = pair.demo()
        seconds = asyncio.run(_refusals(demo, asked.n))
        loads, outcomes = asyncio.run(_under_logins(demo, asked.logins))
    _report(seconds, loads, outcomes)


async def _add_users(home: Home, each: int) -> None:
    """Users of both kinds, who have the demo user's password: another hash for each takes a minute."""
    database = Database(home.database_url)
    users = UserStore(database)
    demo = await users.by_name(DEMO_USER)
    assert demo is not None
    for number in range(each):
        for kind in KINDS[1:]:
            await users.add(f"{kind}-{number}", demo.password_hash)
        await users.set_disabled(f"disabled-{number}", disabled=True)
    await database.close()


def _client(demo: Demo) -> httpx.AsyncClient:
    trust = ssl.create_default_context(cafile=demo.ca_file)
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=demo.https, verify=trust, timeout=60, limits=limits)


async def _refusals(demo: Demo, n: int) -> dict[str, list[float]]:
    """Seconds of each, by turns, over one connection."""
    # Whoever guesses a disabled user's password learns no more than who does not.
    passwords = {"unknown": WRONG, "wrong": WRONG, "disabled": demo.password}
    samples: dict[str, list[float]] = {kind: [] for kind in KINDS}
    async with _client(demo) as client:
        order = list(KINDS)
        for number in track(range(n), "Refused, by turns", transient=True):
            for kind in order:
                form = {"username": f"{kind}-{number // TRIES}", "password": passwords[kind]}
                began = time.perf_counter()
                answer = await client.post("/token", data=form)
                samples[kind].append(time.perf_counter() - began)
                assert answer.status_code == httpx.codes.UNAUTHORIZED, answer.text
            order.reverse()
    return samples


async def _under_logins(demo: Demo, logins: int) -> tuple[dict[str, list[float]], dict[str, Counter[int]]]:
    """Seconds that forecasts, probes and logins took, and how they ended."""
    seconds: dict[str, list[float]] = {"livez": [], "forecast": [], "login": []}
    outcomes: dict[str, Counter[int]] = {name: Counter() for name in seconds}
    async with _client(demo) as client:
        form = {"username": demo.username, "password": demo.password}
        token = (await client.post("/token", data=form)).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        csv = SAMPLE.read_bytes()

        async def timed(name: str, call: Awaitable[httpx.Response]) -> None:
            began = time.perf_counter()
            outcomes[name][(await call).status_code] += 1
            seconds[name].append(time.perf_counter() - began)

        def forecast() -> Awaitable[httpx.Response]:
            return client.post(f"/predict/{MODEL}", files={"file": csv}, headers=headers)

        over = asyncio.Event()
        beside = [
            asyncio.create_task(_steadily(FORECASTS_PER_S, lambda: timed("forecast", forecast()), over)),
            asyncio.create_task(_steadily(PROBES_PER_S, lambda: timed("livez", client.get("/livez")), over)),
        ]
        await asyncio.sleep(BEFORE_S)
        # From a process of their own, or its handshakes would hold up the probes.
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            told = await asyncio.get_running_loop().run_in_executor(process, _log_in, demo, logins)
        for code, took_s in told:
            outcomes["login"][code] += 1
            seconds["login"].append(took_s)
        await asyncio.sleep(BEFORE_S)
        over.set()
        await asyncio.gather(*beside)
    return seconds, outcomes


def _log_in(demo: Demo, logins: int) -> list[tuple[int, float]]:
    """Status and seconds of logins at once, each over a connection of its own."""

    async def all_at_once() -> list[tuple[int, float]]:
        form = {"username": demo.username, "password": demo.password}
        async with _client(demo) as client:

            async def one() -> tuple[int, float]:
                began = time.perf_counter()
                status = (await client.post("/token", data=form)).status_code
                return status, time.perf_counter() - began

            return await asyncio.gather(*(one() for _ in range(logins)))

    return asyncio.run(all_at_once())


async def _steadily(per_s: float, call: Callable[[], Awaitable[None]], over: asyncio.Event) -> None:
    """Begin a call so often, however long each takes, until it is over."""
    async with asyncio.TaskGroup() as calls:
        while not over.is_set():
            calls.create_task(call())
            await asyncio.sleep(1 / per_s)


def _report(
    refused: dict[str, list[float]], loads: dict[str, list[float]], outcomes: dict[str, Counter[int]]
) -> None:
    kinds = {kind: figures(samples) for kind, samples in refused.items()}
    beside = {name: figures(samples) for name, samples in loads.items()}
    ratios = {
        f"{kind}_over_wrong": round(kinds[kind]["p50_ms"] / kinds["wrong"]["p50_ms"], 4)
        for kind in KINDS
        if kind != "wrong"
    }
    auc = _auc(refused["unknown"], refused["wrong"])
    samples_file = keep_samples(NAME, {**refused, **loads})
    report = {
        "machine": machine(),
        "n": len(refused["wrong"]),
        "refusals": kinds,
        **ratios,
        "unknown_slower_than_wrong": auc,
        "logins_at_once": len(loads["login"]),
        "beside": beside,
        "outcomes": {
            name: {str(code): number for code, number in sorted(codes.items())}
            for name, codes in outcomes.items()
        },
        "samples_file": str(samples_file),
    }
    kept = keep_report(NAME, report)
    with plot(NAME, width=8, panels=2) as (plotted, (left, right)):
        draw_boxes(left, refused, "Refused logins")
        draw_boxes(right, loads, f"{len(loads['login'])} logins at once")
    shown = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
    sheets = []
    for title, rows in (("Refused logins", kinds), ("While many log in", beside)):
        cells = {name: [f"{found[each]:.1f}" for each in shown] for name, found in rows.items()}
        sheets.append(Sheet(("", *(each.removesuffix("_ms") + " ms" for each in shown)), cells, title))
    told = (
        f"Medians, over a wrong password's: unknown {ratios['unknown_over_wrong']}, disabled "
        f"{ratios['disabled_over_wrong']} (0.95 to 1.05); unknown is the slower one of two in {auc:.0%}. "
        f"/livez p99 {beside['livez']['p99_ms']:.0f} ms (below 100). Answers: {report['outcomes']}."
    )
    show(NAME, sheets, [told, *said(noise(refused))], [kept, samples_file, plotted])


def _auc(one: list[float], other: list[float]) -> float:
    """How often a sample of one is above one of the other: 0.5 where nothing tells them apart."""
    return round(float((np.array(one)[:, None] > np.array(other)[None, :]).mean()), 3)


if __name__ == "__main__":
    main()
