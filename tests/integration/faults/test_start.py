"""Alive at once and whatever happens; ready only while every model answers."""

import asyncio
import shutil
import time

from services.local.home import Home
from tests.integration.faults.callers import EDGES, Callers
from tests.integration.faults.gateways import Gateway
from tests.integration.faults.report import add_row

NOTICED_S = 6.0
"""The longest pause between attempts to reconnect, 5 s, and some."""


async def test_it_is_alive_without_a_model_server_and_ready_once_there_is_one(home, server):
    server.down()
    gateway = Gateway(home, [server.address])
    gateway.start()
    try:
        alive_s = gateway.wait_for("/livez", 200, within_s=15)
        assert gateway.get("/readyz").status_code == 503
        assert gateway.health() == "NOT_SERVING"
        async with Callers(gateway) as callers:
            outcomes = [await callers.call(edge) for edge in EDGES]
            server.up()
            ready_s = gateway.wait_for("/readyz", 200, within_s=15)
            assert gateway.health() == "SERVING"
            assert [(await callers.call(edge)).result for edge in EDGES] == ["answered", "answered"]
    finally:
        gateway.kill()
    add_row("started before its model server", outcomes, recovered_s=ready_s, alive_s=round(alive_s, 2))
    assert [outcome.result for outcome in outcomes] == ["refused cleanly", "refused cleanly"]
    assert ready_s <= NOTICED_S


def test_it_is_not_ready_while_a_model_answers_wrongly(home, server):
    server.behave(answer="nan", everything=True)
    gateway = Gateway(home, [server.address], model_poll_s=0.5)
    gateway.start()
    try:
        gateway.wait_for("/livez", 200)
        time.sleep(1.5)
        assert gateway.get("/readyz").status_code == 503
        server.behave()
        gateway.wait_for("/readyz", 200, within_s=5)
        server.behave(answer="nan", everything=True)
        gateway.wait_for("/readyz", 503, within_s=5)
    finally:
        gateway.kill()


async def test_it_is_alive_with_neither_model_server_nor_user_table(home, server, tmp_path):
    own = Home(shutil.copytree(home.folder, tmp_path / "home"))
    with Gateway(own, [server.address]) as gateway:
        async with Callers(gateway) as callers:
            server.down()
            (own.folder / "users.db").write_bytes(b"no database")
            for _ in range(20):
                assert gateway.get("/livez").status_code == 200
                await asyncio.sleep(0.1)
            gateway.wait_for("/readyz", 503, within_s=10)
            outcomes = [await callers.call(edge) for edge in EDGES]
    assert {outcome.result for outcome in outcomes} == {"refused cleanly"}
    assert {outcome.reason for outcome in outcomes} == {"USER_STORE_UNAVAILABLE"}
