"""Waiting for what happens on its own."""

import time


def wait_until(happened, for_s=30):
    deadline = time.monotonic() + for_s
    while not happened():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
