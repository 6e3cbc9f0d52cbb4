"""A Bicep file as plain values: text is itself, and an expression is "${...}" as within a text.

pycep reads the language; it gives `name` and `'name'` as the same word, so texts are marked before.
"""

import re
from functools import cache
from typing import Any

from pycep import BicepParser

MARK = "\N{SECTION SIGN}"
_TEXT_ALONE = re.compile(r"(?m)^(\s*|\s*[\w'$+{}.-]+: +)'([^'\n]*)'$")


@cache
def _parser() -> BicepParser:
    return BicepParser()


def tree(text: str) -> dict[str, Any]:
    """Its parameters, variables, resources, modules and outputs, by name. Raises what the parser does."""
    found = _parser().parse(text=_TEXT_ALONE.sub(rf"\1'{MARK}\2'", text))
    value = _Values(text).value
    return {
        "parameters": {
            name: {
                "type": parameter["type"],
                "is_secure": {"type": "secure"} in parameter["decorators"],
                "is_required": parameter["default"] is None,
            }
            for name, parameter in found.get("parameters", {}).items()
        },
        "variables": {name: value(each["value"]) for name, each in found.get("variables", {}).items()},
        "resources": {
            name: {
                "type": each["type"],
                "version": each["api_version"],
                "is_there_already": each["existing"],
                "config": value(each["config"]),
            }
            for name, each in found.get("resources", {}).items()
        },
        "modules": {
            name: {"path": each["detail"]["path"], "config": value(each["config"])}
            for name, each in found.get("modules", {}).items()
        },
        "outputs": {name: value(each["value"]) for name, each in found.get("outputs", {}).items()},
    }


class _Values:
    def __init__(self, source: str) -> None:
        self._source = source

    def value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.value(each) for each in node]
        if isinstance(node, str):
            # With something put into it, or marked, it is a text; else a name.
            is_text = node.startswith(MARK) or "${" in node
            return node.removeprefix(MARK) if is_text else f"${{{node}}}"
        if not isinstance(node, dict):
            return node
        if node.keys() <= {"function", "operator"} and node:
            # Bicep has no literal for a fraction.
            if number := re.fullmatch(r"json\('([0-9.]+)'\)", self._expression(node)):
                return float(number[1])
            return f"${{{self._expression(node)}}}"
        return {key.strip("'"): self.value(each) for key, each in node.items()}

    def _expression(self, node: Any) -> str:
        """As it is written; of what our files have no use for, as pycep has it."""
        match node:
            case str():
                return f"'{node}'" if f"'{node}'" in self._source else node
            case {"function": {"type": function, **rest}}:
                name = re.sub(r"_(.)", lambda found: found[1].upper(), function)
                arguments = (each for each in rest.get("parameters", {}).values() if each is not None)
                return f"{name}({', '.join(map(self._expression, arguments))})"
            case {"operator": {"type": "function_accessor", "operands": of}}:
                arguments = self._expression(of["operand_2"]) if "operand_2" in of else ""
                return f"{self._expression(of['operand_1'])}.{of['func_name']}({arguments})"
            case {"operator": {"type": "property_accessor", "operands": of}}:
                return f"{self._name(of['operand_1'])}.{self._name(of['operand_2'])}"
            case {"operator": {"type": "nested_resource_accessor", "operands": of}}:
                return f"{self._name(of['operand_1'])}::{self._name(of['operand_2'])}"
        return str(node)

    def _name(self, node: Any) -> str:
        return node if isinstance(node, str) else self._expression(node)
