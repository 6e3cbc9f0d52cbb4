"""The HTTPS edge's outermost layer: an id and headers for every call, and what is told of it in the end."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.core.telemetry.calls import REQUEST_ID
from services.gateway.metrics import OTHER
from services.gateway.observed import READ, Edge
from services.gateway.rest.headers import unsaid
from services.gateway.rest.problems import CLIENT_GONE

_READ = {name.encode(): name for name in READ}
_REQUEST_ID = REQUEST_ID.encode()


def observed(app: ASGIApp, edge: Edge) -> ASGIApp:
    """The application, with every call told of and every answer carrying its call's id and what all say."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {_READ[name]: value.decode("latin-1") for name, value in scope["headers"] if name in _READ}
        client = scope.get("client")
        begun = edge.begin(scope["method"], headers, client[0] if client else "")
        header = (_REQUEST_ID, begun.call.request_id.encode())
        status = CLIENT_GONE

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                said = message.get("headers", ())
                message["headers"] = [*said, header, *unsaid(said)]
            await send(message)

        try:
            await app(scope, receive, sending)
        finally:
            call = begun.call
            call.model = call.model or scope.get("path_params", {}).get("model", "")
            edge.end(begun, _method(scope), str(status), failed=status >= 500)

    return answer


def _method(scope: Scope) -> str:
    """The method and its route's template; callers cannot make up any."""
    route = scope.get("route")
    if route and scope["method"] in (route.methods or ()):
        return f"{scope['method']} {route.path_format}"
    return OTHER
