"""Alive, and ready: for whoever restarts and routes. Open to all: tells models' names and states, no more."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import JSONResponse

from services.gateway.rest.schemas.health import LiveOut, ReadyOut
from services.gateway.rest.security import TheGateway

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> LiveOut:
    """The process answers."""
    return LiveOut()


@router.get(
    "/readyz",
    response_model=ReadyOut,
    responses={
        503: {"model": ReadyOut, "description": "Some model does not answer its known request rightly"}
    },
)
async def readyz(gateway: TheGateway) -> JSONResponse:
    """Every model answers its known request rightly."""
    models = {state.name: state.problem or "available" for state in gateway.models.states()}
    if gateway.is_ready:
        return JSONResponse({"status": "ready", "models": models})
    return JSONResponse(
        {"status": "not ready", "models": models},
        HTTPStatus.SERVICE_UNAVAILABLE,
        headers={"Retry-After": "1"},
    )
