"""The HTTPS edge."""

from fastapi import Depends, FastAPI

from services.gateway.rest import (
    backtests,
    forecasts,
    health,
    keys,
    models,
    page_files,
    timeseries,
    tokens,
    users,
)
from services.gateway.rest.described import describe
from services.gateway.rest.docs import add_docs
from services.gateway.rest.problems import answer_problems
from services.gateway.rest.security import guard
from services.gateway.wiring import Gateway


def create_app(gateway: Gateway) -> FastAPI:
    """The application over a gateway that is open already."""
    docs = gateway.settings.docs
    app = FastAPI(
        title="Wattgate",
        summary="Forecasts of load, in kW.",
        docs_url=None,
        openapi_url="/openapi.json" if docs else None,
        redoc_url=None,
        # observed.py makes the spans: for refusals at the door too, and without what is in the query.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # Clients that are made of the description have functions of these names.
        generate_unique_id_function=lambda route: route.name,
        dependencies=[Depends(guard)],
    )
    app.state.gateway = gateway
    for part in (tokens, keys, forecasts, timeseries, backtests, models, users, health, page_files):
        app.include_router(part.router)
    if docs:
        add_docs(app, "/docs")
    answer_problems(app)
    describe(app, gateway.login.grants)
    return app
