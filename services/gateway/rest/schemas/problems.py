"""What was wrong."""

from typing import Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
)

from pipelines.errors import Violation


class ViolationOut(BaseModel):
    """One rule broken at one place of the upload."""

    rule: str
    row: int | None = Field(description="Data row, from 1 after the header.")
    line: int | None = Field(description="Line of the file.")
    column: str | None
    message: str

    @classmethod
    def of(cls, violation: Violation) -> Self:
        """Say where and what."""
        return cls(
            rule=violation.rule,
            row=violation.row,
            line=violation.line,
            column=violation.column,
            message=violation.message,
        )


_EXAMPLE: dict[str, JsonValue] = {
    "type": "about:blank",
    "title": "Invalid load history",
    "status": 422,
    "detail": "row 417 (line 418), column Wert (kW): 'much' is no number",
    "reason": "INVALID_HISTORY",
    "request_id": "0a1b2c3d4e5f60710000000000000001",
    "errors": [
        {
            "rule": "value",
            "row": 417,
            "line": 418,
            "column": "Wert (kW)",
            "message": "'much' is no number",
        }
    ],
}


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    type: str
    title: str
    status: int
    detail: str
    reason: str = Field(description="Stable name of the failure.")
    request_id: str = Field(description="The call's own, as in the header X-Request-ID and in our log.")
    errors: list[ViolationOut] | None = Field(default=None, description="Rows at fault, 20 at most.")
