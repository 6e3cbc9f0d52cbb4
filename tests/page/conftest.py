"""A real browser before a real pair. Whatever a page complains of fails the test."""

import base64
import hashlib
import os
import re
import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.local.pair import running_pair
from services.local.ports import free_ports
from tests.data import MODELS, REPOSITORY
from tests.integration.conftest import connect
from tests.own_models import import_hourly
from tests.page.tab import Tab

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
HOSTILE_MODEL = "x<img src=x onerror=alert(1)>"
SHOTS = REPOSITORY / "build" / "page"


@pytest.fixture(scope="package")
def running(tmp_path_factory):
    """A pair for all tests that do not break it, with an own model. Another has a name that is HTML."""
    folder = tmp_path_factory.mktemp("pair")
    models, var = folder / "models", folder / "var"
    models.mkdir()
    for name, model in {"cnn": "cnn", "gru": "gru", HOSTILE_MODEL: "gru"}.items():
        (models / name).symlink_to(MODELS / model)
    import_hourly(folder)
    with running_pair(var, free_ports(), models) as pair:
        client = connect(var, pair)
        with client.https, client.channel:
            yield client


@pytest.fixture
def bearer(running) -> dict[str, str]:
    """HTTPS headers of the demo user."""
    return {"Authorization": f"Bearer {running.login()}"}


def known_key(folder: Path) -> str:
    """The gateway's key, as Chromium is told to trust this one and no other."""
    certificate = x509.load_pem_x509_certificate((folder / "gateway.pem").read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


@pytest.fixture(scope="module")
def chromium():
    """Starts browsers that trust a gateway's key. A module's own: its event loop ends with it."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium, or name one in CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:

        def start(*trusted: str):
            keys = f"--ignore-certificate-errors-spki-list={','.join(trusted)}"
            return playwright.chromium.launch(executable_path=CHROMIUM, args=[keys] if trusted else [])

        yield start


@pytest.fixture(scope="module")
def browser(chromium, running):
    browser = chromium(known_key(running.folder))
    yield browser
    browser.close()


@pytest.fixture
def open_tab(browser, running):
    """Opens the page in a window of its own; in the end, no page may have complained of anything.

    `failing` are the failed loads that are meant to be, as a pattern: a status, or Chromium's net::ERR_…
    """
    opened = []

    def open_(*, client=running, failing="never", **window) -> Tab:
        context = browser.new_context(locale="de-DE", **window)
        context.set_default_timeout(20_000)
        tab = Tab(context.new_page(), client, re.compile(failing), SHOTS)
        opened.append(tab)
        tab.open()
        return tab

    yield open_
    for tab in opened:
        tab.page.context.close()
    assert [complaint for tab in opened for complaint in tab.complaints] == []


@pytest.fixture
def tab(open_tab):
    """One in which the demo user is logged in."""
    tab = open_tab()
    tab.log_in()
    return tab
