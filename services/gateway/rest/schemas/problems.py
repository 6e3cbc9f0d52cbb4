"""What was wrong."""

from typing import Self

from pydantic import (
    BaseModel,
    Field,
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


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    reason: str = Field(description="Stable name of the failure.")
    request_id: str = Field(description="The call's own, as in the header X-Request-ID and in our log.")
    errors: list[ViolationOut] | None = Field(default=None, description="Rows at fault, 20 at most.")
