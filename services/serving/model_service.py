"""gRPC edge: tensorflow.serving.ModelService."""

import asyncio
import logging
from collections.abc import Iterable

import grpc
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, GetModelStatusResponse
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest, ReloadConfigResponse

from services.serving import model_config
from services.serving.life_cycle import LifeCycle
from services.serving.monitoring import Metrics
from services.serving.repository import Repository
from services.serving.rpc import Context, unary
from services.serving.status import invalid

log = logging.getLogger(__name__)


def handlers(
    repository: Repository, life_cycle: LifeCycle, metrics: Metrics | None
) -> grpc.GenericRpcHandler:
    """The service's methods; those not among them answer UNIMPLEMENTED."""

    def counts(names: Iterable[str]) -> dict[str, int]:
        return {name: metrics.count(name) if metrics else 0 for name in names}

    async def get_model_status(request: GetModelStatusRequest, _: Context) -> GetModelStatusResponse:
        return status(repository, request)

    async def reload_config(request: ReloadConfigRequest, _: Context) -> ReloadConfigResponse:
        """Serve exactly the models listed; answers once they are available, with what was counted meanwhile.

        A caller that gives up waiting does not undo what was asked for. Raises StatusError: INVALID_ARGUMENT
        for a list that cannot be served, or as `LifeCycle.configure`.
        """
        before = counts(request.metric_names)
        configs = model_config.listed(request.config)
        log.info("Adding/updating models: %s", ", ".join(config.name for config in configs) or "none")
        await asyncio.wrap_future(life_cycle.configure(configs))
        response = ReloadConfigResponse()
        response.status.SetInParent()  # OK is all zeros, yet clients look for the message
        for name, count in counts(before).items():
            response.metric.add(name=name, int64_value_increase=count - before[name])
        return response

    return grpc.method_handlers_generic_handler(
        "tensorflow.serving.ModelService",
        {
            "GetModelStatus": unary(get_model_status, GetModelStatusRequest),
            "HandleReloadConfigRequest": unary(reload_config, ReloadConfigRequest),
        },
    )


def status(repository: Repository, request: GetModelStatusRequest) -> GetModelStatusResponse:
    """The state of one version, or of every version of a model, those that ended included.

    Raises StatusError: INVALID_ARGUMENT (no model_spec, label), NOT_FOUND (model, version).
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    response = GetModelStatusResponse()
    for version, known in repository.states(request.model_spec).items():
        answer = response.model_version_status.add(version=version, state=known.state)
        answer.status.SetInParent()  # as above
        if known.error:
            answer.status.error_code = known.error.code.value[0]
            answer.status.error_message = known.error.message
    return response
