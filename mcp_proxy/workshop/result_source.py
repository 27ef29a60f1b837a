"""The block `result` of a tool's source: what happens to an answer before the model sees it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.workshop.argument_source import STRICT
from mcp_proxy.workshop.scalars import Size

_ITEMS_MAX = 1_000_000


class FieldMask(BaseModel):
    """A field that is masked whole."""

    model_config = STRICT
    field: str = Field(min_length=1, description="A path as in pick.")


class NationalIds(BaseModel):
    """National ids of some countries."""

    model_config = STRICT
    national_id: list[str] = Field(min_length=1, description="Countries as in DE, lower case.")


def _redact_form(value: Any) -> str:
    if isinstance(value, str):
        return "detector"
    keys = value if isinstance(value, dict) else getattr(value, "model_fields_set", ())
    return "national ids" if "national_id" in keys else "field rule"


def _check_redact(value: Any) -> Any:
    if not isinstance(value, (str, dict, BaseModel)):
        text = "write a detector, {field: PATH} or {national_id: [COUNTRY]}"
        raise PydanticCustomError("redact", "{text}", {"text": text})
    return value


RedactSource = Annotated[
    Annotated[Literal["email", "phone", "card", "iban", "secret"], Tag("detector")]
    | Annotated[NationalIds, Tag("national ids")]
    | Annotated[FieldMask, Tag("field rule")],
    Discriminator(_redact_form),
    BeforeValidator(_check_redact),
]


class ResultSource(BaseModel):
    """What happens to an answer before the model sees it."""

    model_config = STRICT
    pick: list[str] = Field(default_factory=list, description="Field mask; empty keeps all.")
    validate_: Literal["off", "strip", "strict"] = Field("off", alias="validate")
    max_bytes: Size = Field(LIMITS.result_default_bytes)
    types: list[str] = Field(default_factory=list, description="Media types beyond JSON and text.")
    redact: list[RedactSource] = Field(
        default_factory=list, description="What is masked: detectors, and fields."
    )
    max_items: int | None = Field(
        None, ge=1, le=_ITEMS_MAX, description="Longer lists are cut, and the model is told."
    )
    text: Literal["json", "rows"] = Field("json", description="rows: lists as lines, shorter.")
    html: Literal["text", "keep"] = "text"
    mark: bool = Field(False, description="Texts are announced as data of the upstream's.")
    instructions: Literal["ignore", "flag", "withhold"] = Field(
        "flag", description="What becomes of an answer that holds instructions to the model."
    )
    max_binary: Size | None = Field(None, description="Of an image, sound or file; max_bytes.")
