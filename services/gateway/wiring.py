"""The one place that builds the object graph."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from services.core.errors import UserStoreUnavailableError
from services.gateway.adapters.engines import Engine, open_engine
from services.gateway.admission import Admission
from services.gateway.backtests import Backtester
from services.gateway.canary import Terms
from services.gateway.entrance import Entrance
from services.gateway.issuers import Issuer
from services.gateway.keys import Keys
from services.gateway.login import Login
from services.gateway.models import Models
from services.gateway.passwords import Passwords
from services.gateway.predict import Predictor
from services.gateway.quotas import Quotas
from services.gateway.secret_files import read_secret
from services.gateway.settings import Settings, StartError
from services.gateway.store.clients import ClientStore
from services.gateway.store.database import Database
from services.gateway.store.throttle import Throttle
from services.gateway.store.users import UserStore
from services.gateway.tls import Certificates
from services.gateway.tokens import Tokens


@dataclass(frozen=True)
class Gateway:
    """What both edges call."""

    settings: Settings
    certificates: Certificates
    login: Login
    quotas: Quotas
    entrance: Entrance
    models: Models
    engine: Engine
    admission: Admission
    predictor: Predictor
    backtester: Backtester
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the process was told to stop: it answers what it is asked, but is not ready for more."""

    @property
    def is_ready(self) -> bool:
        """Whether calls should be sent here."""
        return self.models.ready and not self.stopping.is_set()


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """Open the user table and the channels to the model servers, and close all in the end.

    Raises StartError.
    """
    certificates = Certificates(settings.tls_certificate, settings.tls_key)
    try:
        keys = Keys(settings.token_key)
        passwords = Passwords(_secret(settings.password_pepper), _secret(settings.password_pepper_before))
        database = Database(settings.database_url)
        issuers = {trusted.issuer: Issuer(trusted) for trusted in settings.trusted_issuers}
        await database.migrate()
        engine = open_engine(settings)
    except (ValueError, TypeError, OSError, UserStoreUnavailableError) as error:
        raise StartError("; ".join([str(error), *getattr(error, "__notes__", ())])) from error
    tokens = Tokens(keys, settings.token_issuer, settings.token_audience, settings.token_lifetime_s)
    terms = Terms(settings.canary_share, settings.canary_max_difference)
    models = Models(engine.server, settings.models, timeout_s=settings.timeout_s, terms=terms)
    admission = Admission(settings.max_in_flight, settings.max_queued, settings.max_queue_s)
    predictor = Predictor(models, engine.server, admission)
    quotas = Quotas(settings.forecasts_per_minute)
    login = Login(
        UserStore(database),
        ClientStore(database),
        passwords,
        Throttle(database),
        tokens,
        issuers,
        settings.password_grant,
    )
    watches = [
        asyncio.create_task(certificates.keep_fresh()),
        asyncio.create_task(keys.keep_fresh()),
        *(asyncio.create_task(issuer.keep_fresh()) for issuer in issuers.values()),
        asyncio.create_task(models.keep_true(settings.model_poll_s)),
    ]
    try:
        yield Gateway(
            settings,
            certificates,
            login,
            quotas,
            Entrance(login, quotas),
            models,
            engine,
            admission,
            predictor,
            Backtester(predictor, quotas, settings.timeout_s),
        )
    finally:
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        await engine.close()
        await database.close()


def _secret(file: Path | None) -> bytes:
    return read_secret(file).strip() if file else b""
