"""Who fails too often waits; nobody else does. The clock is turned by hand."""

import pytest

from services.gateway.store import throttle
from services.gateway.store.throttle import ACCOUNT, ACCOUNT_AND_ADDRESS, ADDRESS, Throttle

HERE, THERE, LOCAL = "192.0.2.1", "192.0.2.2", "127.0.0.1"


@pytest.fixture
def clock(clock_of):
    return clock_of(throttle)


async def fail(counted, account, address, times):
    for _ in range(times):
        assert await counted.wait_s(account, address) == 0
        await counted.failed(account, address)


async def test_an_address_that_guesses_a_password_waits_and_others_do_not(database, clock):
    counted = Throttle(database)
    await fail(counted, "ada", HERE, ACCOUNT_AND_ADDRESS.failures)
    assert await counted.wait_s("ada", HERE) == ACCOUNT_AND_ADDRESS.wait_s
    assert await counted.wait_s("ada", THERE) == 0
    assert await counted.wait_s("bob", HERE) == 0
    clock.now += ACCOUNT_AND_ADDRESS.wait_s
    assert await counted.wait_s("ada", HERE) == 0
    await counted.failed("ada", HERE)
    assert await counted.wait_s("ada", HERE) == 0  # it is counted anew


async def test_replicas_and_restarts_count_on(database, clock):
    for number in range(ACCOUNT_AND_ADDRESS.failures):
        await Throttle(database).failed("ada", HERE)
        assert (await Throttle(database).wait_s("ada", HERE) > 0) == (
            number == ACCOUNT_AND_ADDRESS.failures - 1
        )


async def test_failures_of_long_ago_do_not_count(database, clock):
    counted = Throttle(database)
    await fail(counted, "ada", HERE, ACCOUNT_AND_ADDRESS.failures - 1)
    clock.now += ACCOUNT_AND_ADDRESS.within_s + 1
    await fail(counted, "ada", HERE, ACCOUNT_AND_ADDRESS.failures - 1)
    assert await counted.wait_s("ada", HERE) == 0


async def test_one_password_for_many_accounts_is_soon_tried_no_more(database, clock):
    counted = Throttle(database)
    for number in range(ADDRESS.failures):
        await fail(counted, f"user {number}", HERE, 1)
    assert await counted.wait_s("another", HERE) == ADDRESS.wait_s
    assert await counted.wait_s("another", THERE) == 0


async def test_the_users_of_this_machine_do_not_hinder_each_other(database, clock):
    counted = Throttle(database)
    for number in range(2 * ADDRESS.failures):
        await fail(counted, f"user {number}", LOCAL, 1)
    assert await counted.wait_s("another", LOCAL) == 0


async def test_many_addresses_that_guess_one_password_wait(database, clock):
    counted = Throttle(database)
    for number in range(ACCOUNT.failures):
        await fail(counted, "ada", f"192.0.2.{number}", 1)
    assert await counted.wait_s("ada", "198.51.100.1") == ACCOUNT.wait_s


async def test_whoever_knows_the_password_may_mistype_it(database, clock):
    counted = Throttle(database)
    for _ in range(3):
        await fail(counted, "ada", HERE, ACCOUNT_AND_ADDRESS.failures - 2)
        await counted.succeeded("ada", HERE)
    assert await counted.wait_s("ada", HERE) == 0
    await counted.failed("bob", HERE)
    assert await counted.wait_s("ada", HERE) > 0  # the address's own failures are not forgotten


async def test_a_failure_beside_the_last_one_frees_nobody(database, clock):
    counted = Throttle(database)
    await fail(counted, "ada", HERE, ACCOUNT_AND_ADDRESS.failures)
    await counted.failed("ada", HERE)
    assert await counted.wait_s("ada", HERE) > 0


async def test_what_no_longer_counts_is_not_kept(database, clock):
    counted = Throttle(database)
    await fail(counted, "ada", HERE, 1)
    clock.now += 10 * ACCOUNT.within_s
    await fail(counted, "bob", THERE, 1)
    async with database.transaction() as connection:
        rows = (await connection.execute(throttle.select(throttle.LOGIN_FAILURES))).all()
    assert len(rows) == 3
