"""The failures a caller may see, and how HTTPS and gRPC say each: the one table for both edges."""

from http import HTTPStatus
from typing import ClassVar

from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from pipelines.errors import InvalidSeriesError, Violation
from services.core.telemetry.calls import request_id

DOMAIN = "wattgate"
"""`domain` of every google.rpc.ErrorInfo."""


class ServiceError(Exception):
    """A failure we chose to report; its message is written for the caller."""

    title: ClassVar[str] = "Internal error"
    http: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    grpc: StatusCode = StatusCode.INTERNAL
    reason: ClassVar[str] = "INTERNAL"
    """Stable name of the failure, for programs."""
    retry_after_s: int | None = None
    """When to try again; None where trying again does not help."""

    def __init__(self, message: str, violations: tuple[Violation, ...] = ()) -> None:
        """Keep the message and, for input errors, what is wrong where."""
        super().__init__(message)
        self.violations = violations


class InvalidRequestError(ServiceError):
    """The request is not of the form this call takes."""

    title = "Invalid request"
    http = HTTPStatus.UNPROCESSABLE_ENTITY
    grpc = StatusCode.INVALID_ARGUMENT
    reason = "INVALID_REQUEST"


class InvalidHistoryError(ServiceError):
    """The history is not one a forecast can be computed from."""

    title = "Invalid load history"
    http = HTTPStatus.UNPROCESSABLE_ENTITY
    grpc = StatusCode.INVALID_ARGUMENT
    reason = "INVALID_HISTORY"


class UnsupportedMediaTypeError(ServiceError):
    """The body is of a type this call does not take."""

    title = "Unsupported media type"
    http = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    grpc = StatusCode.INVALID_ARGUMENT
    reason = "UNSUPPORTED_MEDIA_TYPE"


class TooLargeError(ServiceError):
    """The body is larger than this call takes."""

    title = "Too large"
    http = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    grpc = StatusCode.RESOURCE_EXHAUSTED
    reason = "TOO_LARGE"


class UnauthenticatedError(ServiceError):
    """No token, or one that proves nothing. The message is the thesis' own, whatever the cause."""

    title = "Unauthenticated"
    http = HTTPStatus.UNAUTHORIZED
    grpc = StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"

    def __init__(self, *, token_given: bool) -> None:
        """Say only whether there was a token: why it was refused is nobody's business."""
        super().__init__("Could not validate credentials" if token_given else "Not authenticated")
        self.token_given = token_given


class ForbiddenError(ServiceError):
    """The token is good, but not for this call."""

    title = "Forbidden"
    http = HTTPStatus.FORBIDDEN
    grpc = StatusCode.PERMISSION_DENIED
    reason = "INSUFFICIENT_SCOPE"

    def __init__(self, message: str, *, scope: str | None) -> None:
        """Name the scope that is missing; None where none would do."""
        super().__init__(message)
        self.scope = scope


class UnknownUserError(ServiceError):
    """No user of this name is kept here. Said to admins alone."""

    title = "User not found"
    http = HTTPStatus.NOT_FOUND
    grpc = StatusCode.NOT_FOUND
    reason = "USER_NOT_FOUND"


class ModelNotFoundError(ServiceError):
    """No model of this name is served here."""

    title = "Model not found"
    http = HTTPStatus.NOT_FOUND
    grpc = StatusCode.NOT_FOUND
    reason = "MODEL_NOT_FOUND"


class RefusedError(ServiceError):
    """A request that TensorFlow Serving refuses, or would refuse, in its own code and words.

    Its clients match on them. Said on the gRPC edge alone, where its API is passed through.
    """

    title = "Refused"
    http = HTTPStatus.BAD_REQUEST
    grpc = StatusCode.INVALID_ARGUMENT
    reason = "REFUSED"

    def __init__(self, code: StatusCode, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.grpc = code


class NotServedError(ServiceError):
    """The call exists, and is not for callers of this gateway."""

    title = "Not served"
    http = HTTPStatus.NOT_IMPLEMENTED
    grpc = StatusCode.UNIMPLEMENTED
    reason = "NOT_SERVED"


class UnknownHostError(ServiceError):
    """The request is for a host that is not this one, or does not say for which. Over HTTPS alone."""

    title = "Unknown host"
    http = HTTPStatus.BAD_REQUEST
    grpc = StatusCode.INVALID_ARGUMENT
    reason = "UNKNOWN_HOST"


class ModelUnavailableError(ServiceError):
    """The model server does not answer, or does not serve the model now."""

    title = "Model unavailable"
    http = HTTPStatus.SERVICE_UNAVAILABLE
    grpc = StatusCode.UNAVAILABLE
    reason = "MODEL_UNAVAILABLE"
    retry_after_s = 1


class OverloadedError(ServiceError):
    """More is asked for at a time than this gateway does; the caller should come again."""

    title = "Overloaded"
    http = HTTPStatus.TOO_MANY_REQUESTS
    grpc = StatusCode.RESOURCE_EXHAUSTED
    reason = "OVERLOADED"
    retry_after_s = 1


class OverQuotaError(ServiceError):
    """The caller has had what it may have for now; others are served."""

    title = "Over quota"
    http = HTTPStatus.TOO_MANY_REQUESTS
    grpc = StatusCode.RESOURCE_EXHAUSTED
    reason = "OVER_QUOTA"

    def __init__(self, per_minute: int, retry_after_s: int) -> None:
        """Say how much that is, and when there is room again."""
        super().__init__(
            f"You may ask for {per_minute:,} forecasts a minute; there is room again in {retry_after_s} s"
        )
        self.retry_after_s = retry_after_s


class StoppingError(ServiceError):
    """This gateway ends before the answer was ready; another one has it."""

    title = "Stopping"
    http = HTTPStatus.SERVICE_UNAVAILABLE
    grpc = StatusCode.UNAVAILABLE
    reason = "STOPPING"
    retry_after_s = 1


class UserStoreUnavailableError(ServiceError):
    """The user table cannot be asked, so nobody can be let in."""

    title = "User store unavailable"
    http = HTTPStatus.SERVICE_UNAVAILABLE
    grpc = StatusCode.UNAVAILABLE
    reason = "USER_STORE_UNAVAILABLE"
    retry_after_s = 1


class IssuerUnavailableError(ServiceError):
    """Whether a token is good cannot be told: its issuer outside has not been heard of yet."""

    title = "Issuer unavailable"
    http = HTTPStatus.SERVICE_UNAVAILABLE
    grpc = StatusCode.UNAVAILABLE
    reason = "ISSUER_UNAVAILABLE"
    retry_after_s = 10


class DeadlineError(ServiceError):
    """The answer did not come in time."""

    title = "Deadline exceeded"
    http = HTTPStatus.GATEWAY_TIMEOUT
    grpc = StatusCode.DEADLINE_EXCEEDED
    reason = "DEADLINE_EXCEEDED"


class ModelFailedError(ServiceError):
    """The model server answered something that is not a forecast."""

    title = "Model failed"
    http = HTTPStatus.BAD_GATEWAY
    grpc = StatusCode.INTERNAL
    reason = "MODEL_FAILED"


def reported(error: BaseException) -> ServiceError:
    """What the caller is told of an error.

    Whatever we did not choose to report leaves as a bare internal error: no detail leaks.
    """
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, InvalidSeriesError):
        return InvalidHistoryError(str(error), error.violations)
    return ServiceError("internal error")


def as_problem(error: Exception) -> dict[str, object]:
    """The RFC 9457 body of an HTTPS error."""
    shown = reported(error)
    problem: dict[str, object] = {
        "type": "about:blank",
        "title": shown.title,
        "status": int(shown.http),
        "detail": str(shown),
        "reason": shown.reason,
    }
    if id_ := request_id():
        problem["request_id"] = id_
    if shown.violations:
        problem["errors"] = [
            {
                "rule": violation.rule,
                "row": violation.row,
                "line": violation.line,
                "column": violation.column,
                "message": violation.message,
            }
            for violation in shown.violations
        ]
    return problem


def as_status(error: BaseException) -> status_pb2.Status:
    """The google.rpc.Status of a gRPC error, with ErrorInfo and, for input errors, BadRequest."""
    shown = reported(error)
    code: int = shown.grpc.value[0]
    status = status_pb2.Status(code=code, message=str(shown))
    details: list[error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo]
    id_ = request_id()
    metadata = {"request_id": id_} if id_ else {}
    details = [error_details_pb2.ErrorInfo(reason=shown.reason, domain=DOMAIN, metadata=metadata)]
    if shown.violations:
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=violation.place or "history",
                        description=str(violation),
                        reason=violation.rule.upper(),
                    )
                    for violation in shown.violations
                ]
            )
        )
    if shown.retry_after_s is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.seconds = shown.retry_after_s
        details.append(retry)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status
