"""One argument's block in a profile source: where it goes, and how it is narrowed."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)

Number = int | float
SchemaMap = dict[str, dict[str, Any]]
SchemaList = list[dict[str, Any]]
# The keys that are the profile's own; every other key of an argument is a JSON Schema keyword.
OWN_KEYS = ("from", "required", "description", "constant", "default", "segments")


class ArgumentSource(BaseModel):
    """`from`, `constant` and the like, and JSON Schema keywords (draft 2020-12) that narrow it."""

    model_config = STRICT
    from_: str | None = Field(
        None,
        alias="from",
        description="path.NAME, query.NAME, header.NAME, body or body#/pointer; mcp: NAME#/pointer",
    )
    required: bool | None = None
    description: str | None = Field(None, description="What the model reads.")
    constant: Any = Field(None, description="Hidden from the model, always sent.")
    default: Any = Field(None, description="Shown to the model, sent when absent.")
    segments: Literal["one", "many"] | None = Field(
        None, description="many: a path value may hold /"
    )
    title: str | None = None
    type: str | list[str] | None = None
    enum: list[Any] | None = None
    const: Any = None
    format: str | None = None
    minimum: Number | None = None
    maximum: Number | None = None
    exclusive_minimum: Number | None = Field(None, alias="exclusiveMinimum")
    exclusive_maximum: Number | None = Field(None, alias="exclusiveMaximum")
    multiple_of: Number | None = Field(None, alias="multipleOf", gt=0)
    min_length: int | None = Field(None, alias="minLength", ge=0)
    max_length: int | None = Field(None, alias="maxLength", ge=0)
    pattern: str | None = None
    min_items: int | None = Field(None, alias="minItems", ge=0)
    max_items: int | None = Field(None, alias="maxItems", ge=0)
    unique_items: bool | None = Field(None, alias="uniqueItems")
    items: dict[str, Any] | bool | None = None
    prefix_items: SchemaList | None = Field(None, alias="prefixItems")
    contains: dict[str, Any] | None = None
    min_contains: int | None = Field(None, alias="minContains", ge=0)
    max_contains: int | None = Field(None, alias="maxContains", ge=0)
    properties: SchemaMap | None = None
    pattern_properties: SchemaMap | None = Field(None, alias="patternProperties")
    additional_properties: dict[str, Any] | bool | None = Field(None, alias="additionalProperties")
    property_names: dict[str, Any] | None = Field(None, alias="propertyNames")
    min_properties: int | None = Field(None, alias="minProperties", ge=0)
    max_properties: int | None = Field(None, alias="maxProperties", ge=0)
    dependent_required: dict[str, list[str]] | None = Field(None, alias="dependentRequired")
    dependent_schemas: SchemaMap | None = Field(None, alias="dependentSchemas")
    all_of: SchemaList | None = Field(None, alias="allOf")
    any_of: SchemaList | None = Field(None, alias="anyOf")
    one_of: SchemaList | None = Field(None, alias="oneOf")
    not_: dict[str, Any] | None = Field(None, alias="not")
    if_: dict[str, Any] | None = Field(None, alias="if")
    then: dict[str, Any] | None = None
    else_: dict[str, Any] | None = Field(None, alias="else")

    def holds(self, key: str) -> bool:
        """Whether the source names `constant` or `default`, null included."""
        return key in self.model_fields_set

    def narrowing(self) -> dict[str, Any]:
        """The JSON Schema keywords as written, without the profile's own keys."""
        row = self.model_dump(by_alias=True, exclude_unset=True)
        return {key: value for key, value in row.items() if key not in OWN_KEYS}
