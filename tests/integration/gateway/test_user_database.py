"""The database of users goes away, hangs, is written to by many, and is killed while it is written to."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import time

import psycopg
import pytest

from services.gateway.login import KNOWN_S
from services.gateway.passwords import Passwords
from services.gateway.store.database import Database
from services.gateway.store.users import UserStore
from services.local.home import DEMO_USER
from tests.integration.connections.gateways import LoneGateway
from tests.integration.faults.proxy import GOOD, FaultProxy, Network
from tests.postgresql import running

ENOUGH_S = 20
BACK_S = 2.0
"""A database that is there again is found again so soon."""
PATIENCE_S = 3.0 + 1.5

WRONG = {"password": "not the password of anybody"}

WRITER = """
import asyncio, sys
from services.gateway.store.database import Database
from services.gateway.store.users import UserStore

async def write(url, prefix, at_once, each):
    database = Database(url)
    users = UserStore(database)

    async def one(lane):
        for number in range(each):
            await users.add(f"{prefix}-{lane}-{number}", "no hash")
            print(f"{prefix}-{lane}-{number}", flush=True)

    await asyncio.gather(*map(one, range(at_once)))
    await database.close()

asyncio.run(write(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("postgresql")) as server:
        yield server


async def add_demo_user(home, url):
    database = Database(url)
    await database.migrate()
    password = home.demo_password.read_text()
    hashed = await Passwords(home.pepper.read_bytes()).rehash(password)
    await UserStore(database).add(DEMO_USER, hashed)
    await database.close()


def bearer(gateway):
    return {"Authorization": f"Bearer {gateway.token}"}


def models(gateway):
    return gateway.request("GET", "/v1/models", headers=bearer(gateway))


def wait_for(gateway, status, within_s):
    """How long it took until a call with a token was answered so."""
    began = time.monotonic()
    while models(gateway).status_code != status:
        assert time.monotonic() - began < within_s
        time.sleep(0.05)
    return time.monotonic() - began


def check_that_nobody_is_let_in(gateway):
    refused = models(gateway)
    assert (refused.status_code, refused.json()["reason"]) == (503, "USER_STORE_UNAVAILABLE")
    login = gateway.request("POST", "/token", data=gateway.demo_login)
    assert login.status_code == 503
    # As RFC 6749 has it, and no problem document.
    assert login.headers["content-type"] == "application/json"
    assert login.json()["error"] == "temporarily_unavailable"
    assert int(login.headers["retry-after"]) > 0
    assert gateway.status() == 200


def test_while_it_is_away_nobody_is_let_in_and_once_it_is_back_everybody_is(home, server):
    url = server.create("restarted")
    asyncio.run(add_demo_user(home, url))
    with LoneGateway(home, database_url=url) as gateway:
        assert models(gateway).status_code == 200
        server.stop()
        wait_for(gateway, 503, KNOWN_S + PATIENCE_S)
        check_that_nobody_is_let_in(gateway)
        server.start()
        assert wait_for(gateway, 200, ENOUGH_S) <= BACK_S
        assert gateway.connections_to(server.port) <= 15
        time.sleep(0.3)  # lines are written a little later
        assert gateway.whole_log().count("the user table cannot be reached") == 1
        assert "the user table is reached again" in gateway.whole_log()


def test_one_that_answers_nothing_is_given_up_on_and_holds_up_nobody(home, server):
    server.create("hanging")
    with FaultProxy(server.port) as proxy:
        url = server.url("hanging", proxy.port)
        asyncio.run(add_demo_user(home, url))
        with LoneGateway(home, database_url=url) as gateway:
            assert models(gateway).status_code == 200
            proxy.be(Network(black_hole=True))
            time.sleep(KNOWN_S)
            began = time.monotonic()
            assert models(gateway).status_code == 503
            assert time.monotonic() - began < PATIENCE_S
            began = time.monotonic()
            assert gateway.request("POST", "/token", data=gateway.demo_login).status_code == 503
            assert time.monotonic() - began < PATIENCE_S
            began = time.monotonic()
            assert gateway.status() == 200
            assert time.monotonic() - began < 0.5
            proxy.be(GOOD)
            assert wait_for(gateway, 200, ENOUGH_S) <= PATIENCE_S


def test_a_failed_login_that_cannot_be_counted_blocks_no_other_for_long(home, server):
    url = server.create("locked")
    asyncio.run(add_demo_user(home, url))
    wrong = {**WRONG, "username": DEMO_USER}
    with psycopg.connect(url) as connection, LoneGateway(home, database_url=url) as gateway:
        connection.execute("LOCK TABLE login_failures IN EXCLUSIVE MODE")
        began = time.monotonic()
        assert gateway.request("POST", "/token", data=wrong).status_code == 503
        assert time.monotonic() - began < PATIENCE_S
        connection.rollback()
        assert gateway.request("POST", "/token", data=wrong).status_code == 401


def writer(url, prefix, at_once, each):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, prefix, str(at_once), str(each)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def sqlite(tmp_path):
    url = f"sqlite:///{tmp_path}/users.db"

    async def make():
        database = Database(url)
        await database.migrate()
        await database.close()

    asyncio.run(make())
    return url


def names(url):
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {name for (name,) in connection.execute("SELECT username FROM users")}


def test_two_processes_of_many_writers_never_find_it_locked(sqlite):
    writers = [writer(sqlite, prefix, 25, 8) for prefix in ("a", "b")]
    for each in writers:
        _, complaints = each.communicate(timeout=60)
        assert (each.returncode, complaints) == (0, "")
    assert len(names(sqlite)) == 2 * 25 * 8


def test_whoever_is_killed_while_writing_loses_nothing_that_was_acknowledged(sqlite):
    acknowledged = set()
    for number in range(12):
        process = writer(sqlite, f"k{number}", 2, 100_000)
        acknowledged |= {process.stdout.readline().strip() for _ in range(3 + number)}
        process.kill()
        acknowledged |= {
            line.strip() for line in process.communicate()[0].splitlines(keepends=True) if "\n" in line
        }
        assert acknowledged <= names(sqlite)
    assert len(acknowledged) > 12 * 3
