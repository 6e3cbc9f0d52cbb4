"""What is served."""

from fastapi import APIRouter

from services.gateway.rest.schemas.models import ModelOut, ModelsOut
from services.gateway.rest.schemas.problems import Problem
from services.gateway.rest.security import TheGateway
from wattgate import __version__

router = APIRouter(
    prefix="/v1/models", tags=["models"], responses={status: {"model": Problem} for status in (401, 403)}
)


@router.get("")
async def list_models(gateway: TheGateway) -> ModelsOut:
    """Every model: versions, state, scaler, training score."""
    return ModelsOut(
        models=[ModelOut.of(state) for state in gateway.models.states()],
        default_model=gateway.settings.default_model,
        gateway_version=__version__,
    )


@router.get("/{model}", responses={status: {"model": Problem} for status in (404, 422)})
async def get_model(model: str, gateway: TheGateway) -> ModelOut:
    """One model."""
    return ModelOut.of(gateway.models.state(model))
