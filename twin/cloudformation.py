"""The synthesised templates of one environment, and what their references come to.

The cloud assembly (the folder `cdk synth` writes) names its stacks in `manifest.json`. A reference to a
resource asks a `Deployed` what the deployed resource is called; everything else CloudFormation computes
from the templates alone. What cannot be resolved raises `TemplateFault` with the path to the place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

_SUBSTITUTION = re.compile(r"\$\{(!?)([^}]+)\}")
_NO_VALUE = object()


class TemplateFault(Exception):
    """The templates do not describe a product that can run; the message says where."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of one stack, properties unresolved."""

    stack: str
    logical_id: str
    type: str
    properties: Mapping[str, Any]
    metadata: Mapping[str, Any]

    @property
    def path(self) -> str:
        """Where to look for it."""
        return f"{self.stack}/{self.logical_id}"


class Deployed(Protocol):
    """What deployed resources are called."""

    def reference(self, resource: Resource) -> str:
        """The value of `Ref`. Raises TemplateFault for a type it does not deploy."""
        ...

    def attribute(self, resource: Resource, name: str) -> str:
        """The value of `Fn::GetAtt`. Raises TemplateFault for what it does not know."""
        ...


@dataclass(frozen=True, slots=True)
class Stack:
    """One template."""

    name: str
    resources: Mapping[str, Resource]
    outputs: Mapping[str, Any]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Assembly:
    """Every stack of one environment. `account` is the placeholder when the stacks name none."""

    folder: Path
    account: str
    region: str
    stacks: Mapping[str, Stack]

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Every resource of one of `types`, in template order."""
        for stack in self.stacks.values():
            for resource in stack.resources.values():
                if resource.type in types:
                    yield resource


def load_assembly(folder: Path, *, account: str = "000000000000", region: str = "ap-south-1") -> Assembly:
    """Read a cloud assembly. `account` and `region` stand in where the stacks name none.

    Raises:
        TemplateFault: there is no assembly, or its stacks live in different accounts or regions.
    """
    manifest_path = folder / "manifest.json"
    if not manifest_path.is_file():
        raise TemplateFault(f"{manifest_path} does not exist: run `make synth` first")
    artifacts = json.loads(manifest_path.read_text())["artifacts"]
    found = {name: artifact for name, artifact in artifacts.items() if artifact["type"] == "aws:cloudformation:stack"}
    if not found:
        raise TemplateFault(f"{manifest_path} names no stack")
    environments = {artifact["environment"] for artifact in found.values()}
    if len(environments) > 1:
        raise TemplateFault(f"the stacks of {folder} live in several environments: {sorted(environments)}")
    named_account, named_region = environments.pop().removeprefix("aws://").split("/")
    stacks = [_read_stack(name, folder, artifact["properties"]) for name, artifact in found.items()]
    return Assembly(
        folder=folder,
        account=account if named_account == "unknown-account" else named_account,
        region=region if named_region == "unknown-region" else named_region,
        stacks={stack.name: stack for stack in stacks},
    )


def _read_stack(artifact: str, folder: Path, properties: Mapping[str, Any]) -> Stack:
    name = properties.get("stackName", artifact)
    template = json.loads((folder / properties["templateFile"]).read_text())
    resources = {
        logical_id: Resource(name, logical_id, body["Type"], body.get("Properties", {}), body.get("Metadata", {}))
        for logical_id, body in template["Resources"].items()
    }
    return Stack(name, resources, template.get("Outputs", {}), template.get("Parameters", {}))


class Resolver:
    """Computes CloudFormation's intrinsic functions."""

    def __init__(self, assembly: Assembly, deployed: Deployed) -> None:
        self._assembly = assembly
        self._deployed = deployed

    def properties(self, resource: Resource, *names: str) -> dict[str, Any]:
        """The named properties of `resource`, resolved; absent ones are left out."""
        return {
            name: self.resolve(resource.properties[name], resource.stack, f"{resource.path}/{name}")
            for name in names
            if name in resource.properties
        }

    def resolve(self, value: Any, stack: str, path: str) -> Any:
        """`value` with every intrinsic function of `stack` computed; `path` names it in errors."""
        if isinstance(value, dict):
            if len(value) == 1:
                (function, argument), *_ = value.items()
                if function == "Ref" or function.startswith("Fn::"):
                    return self._call(function, argument, stack, f"{path}/{function}")
            resolved = {key: self.resolve(item, stack, f"{path}/{key}") for key, item in value.items()}
            return {key: item for key, item in resolved.items() if item is not _NO_VALUE}
        if isinstance(value, list):
            items = [self.resolve(item, stack, f"{path}/{index}") for index, item in enumerate(value)]
            return [item for item in items if item is not _NO_VALUE]
        return value

    def target(self, value: Any, stack: str, path: str) -> Resource:
        """The resource that `value` (a `Ref`, a `Fn::GetAtt` or an import of one) points at."""
        if isinstance(value, dict) and len(value) == 1:
            (function, argument), *_ = value.items()
            if function == "Ref":
                return self._resource(argument, stack, path)
            if function == "Fn::GetAtt":
                return self._resource(_attribute_parts(argument)[0], stack, path)
            if function == "Fn::ImportValue":
                exporter, exported = self._exported(self.resolve(argument, stack, path), path)
                return self.target(exported, exporter, path)
        raise TemplateFault(f"{path} should point at a resource, but is {json.dumps(value)}")

    def _call(self, function: str, argument: Any, stack: str, path: str) -> Any:
        calls: dict[str, Callable[[Any, str, str], Any]] = {
            "Ref": self._reference,
            "Fn::GetAtt": self._attribute,
            "Fn::ImportValue": self._import,
            "Fn::Sub": self._substitute,
            "Fn::Join": self._join,
            "Fn::Split": self._split,
            "Fn::Select": self._select,
        }
        if function not in calls:
            raise TemplateFault(f"{path}: {function} is not supported")
        return calls[function](argument, stack, path)

    def _attribute(self, argument: Any, stack: str, path: str) -> str:
        logical_id, attribute = _attribute_parts(argument)
        return self._deployed.attribute(self._resource(logical_id, stack, path), attribute)

    def _import(self, argument: Any, stack: str, path: str) -> Any:
        exporter, exported = self._exported(self.resolve(argument, stack, path), path)
        return self.resolve(exported, exporter, path)

    def _join(self, argument: Any, stack: str, path: str) -> str:
        separator, parts = argument
        return str(separator).join(str(part) for part in self.resolve(parts, stack, path))

    def _split(self, argument: Any, stack: str, path: str) -> list[str]:
        separator, text = argument
        return str(self.resolve(text, stack, path)).split(separator)

    def _select(self, argument: Any, stack: str, path: str) -> Any:
        index, choices = argument
        return self.resolve(choices, stack, path)[int(index)]

    def _reference(self, name: str, stack: str, path: str) -> Any:
        pseudo = {
            "AWS::AccountId": self._assembly.account,
            "AWS::Region": self._assembly.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack,
            "AWS::StackId": f"arn:aws:cloudformation:{self._assembly.region}:{self._assembly.account}:stack/{stack}/1",
            "AWS::NoValue": _NO_VALUE,
        }
        if name in pseudo:
            return pseudo[name]
        parameters = self._assembly.stacks[stack].parameters
        if name in parameters:
            if "Default" not in parameters[name]:
                raise TemplateFault(f"{path}: the parameter {name} has no default")
            return parameters[name]["Default"]
        return self._deployed.reference(self._resource(name, stack, path))

    def _substitute(self, argument: Any, stack: str, path: str) -> str:
        text, variables = argument if isinstance(argument, list) else (argument, {})

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in variables:
                return str(self.resolve(variables[name], stack, f"{path}/{name}"))
            if "." in name:
                return self._attribute(name, stack, path)
            return str(self._reference(name, stack, path))

        return _SUBSTITUTION.sub(replace, text)

    def _resource(self, logical_id: str, stack: str, path: str) -> Resource:
        resource = self._assembly.stacks[stack].resources.get(logical_id)
        if resource is None:
            raise TemplateFault(f"{path}: {stack} has no resource {logical_id}")
        return resource

    def _exported(self, name: str, path: str) -> tuple[str, Any]:
        for stack in self._assembly.stacks.values():
            for output in stack.outputs.values():
                if "Export" in output and self.resolve(output["Export"]["Name"], stack.name, path) == name:
                    return stack.name, output["Value"]
        raise TemplateFault(f"{path}: no stack exports {name}")


def _attribute_parts(argument: Any) -> tuple[str, str]:
    if isinstance(argument, str):
        logical_id, _, attribute = argument.partition(".")
        return logical_id, attribute
    logical_id, attribute = argument
    return logical_id, attribute
