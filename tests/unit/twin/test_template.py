"""A product is read from its templates, and a mistake in them stops the reading with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from twin.cloudformation import Resolver, Resource, TemplateFault, load_assembly
from twin.template import read_wiring
from twin.wiring import CorsSpec, EventSourceSpec, RouteSpec, Wiring

Resources = dict[str, dict[str, Any]]

PRODUCT: Resources = {
    "Library": {"Type": "AWS::Lambda::LayerVersion", "Metadata": {"aws:asset:path": "../library"}},
    "Trade": {
        "Type": "AWS::Lambda::Function",
        "Metadata": {"aws:asset:path": "../lambdas/trade"},
        "Properties": {
            "Runtime": "python3.13",
            "Handler": "handler.lambda_handler",
            "Timeout": 15,
            "ReservedConcurrentExecutions": 20,
            "Layers": [{"Ref": "Library"}],
            "Environment": {"Variables": {"QUEUE_URL": {"Ref": "Orders"}}},
        },
    },
    "Orders": {"Type": "AWS::SQS::Queue"},
    "Consumer": {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "EventSourceArn": {"Fn::GetAtt": ["Orders", "Arn"]},
            "FunctionName": {"Ref": "Trade"},
            "BatchSize": 1,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        },
    },
    "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {}},
    "Integration": {
        "Type": "AWS::ApiGatewayV2::Integration",
        "Properties": {"IntegrationUri": {"Fn::GetAtt": ["Trade", "Arn"]}, "PayloadFormatVersion": "2.0"},
    },
    "Route": {
        "Type": "AWS::ApiGatewayV2::Route",
        "Properties": {
            "RouteKey": "GET /trades/{id}",
            "Target": {"Fn::Join": ["", ["integrations/", {"Ref": "Integration"}]]},
        },
    },
    "Watcher": {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {"ContainerDefinitions": [{"Environment": [{"Name": "QUEUE_URL", "Value": {"Ref": "Orders"}}]}]},
    },
}


class NamedAfterThemselves:
    """Deploys everything under its own logical id."""

    def reference(self, resource: Resource) -> str:
        return resource.logical_id

    def attribute(self, resource: Resource, name: str) -> str:
        return f"{resource.logical_id}.{name}"


ReadProduct = Callable[[Resources], Wiring]


@pytest.fixture
def read_product(tmp_path: Path) -> ReadProduct:
    """Reads a product with the given resources, sources beside the assembly."""
    out = tmp_path / "out"
    for folder in (out, tmp_path / "lambdas" / "trade", tmp_path / "library" / "python"):
        folder.mkdir(parents=True)

    def read(resources: Resources) -> Wiring:
        (out / "stack.json").write_text(json.dumps({"Resources": resources}))
        stack = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/ap-south-1",
            "properties": {"templateFile": "stack.json"},
        }
        (out / "manifest.json").write_text(json.dumps({"artifacts": {"stack": stack}}))
        assembly = load_assembly(out)
        return read_wiring(assembly, Resolver(assembly, NamedAfterThemselves()), cloud_build=tmp_path / "build")

    return read


def test_a_product_is_read_as_it_is_wired(read_product: ReadProduct, tmp_path: Path) -> None:
    wiring = read_product(PRODUCT)

    trade = wiring.function("trade")
    assert (trade.handler, trade.timeout_seconds, trade.reserved_concurrency) == ("handler.lambda_handler", 15.0, 20)
    assert trade.source == tmp_path / "lambdas" / "trade"
    assert trade.layers == (tmp_path / "library" / "python",)
    assert trade.environment == {"QUEUE_URL": "Orders"}
    assert wiring.routes == (RouteSpec("GET", "/trades/{id}", "trade", None),)
    assert wiring.event_sources == (EventSourceSpec("Orders", "Orders.Arn", "trade", 1, True, None),)
    assert wiring.watcher_environment == {"QUEUE_URL": "Orders"}


def test_what_a_page_may_ask_and_read_is_as_the_api_says(read_product: ReadProduct) -> None:
    product = deepcopy(PRODUCT)
    product["Api"]["Properties"]["CorsConfiguration"] = {
        "AllowOrigins": ["http://page"],
        "AllowMethods": ["PUT"],
        "AllowHeaders": ["if-match"],
        "ExposeHeaders": ["etag"],
        "MaxAge": 60,
    }

    assert read_product(product).cors == CorsSpec(("http://page",), ("PUT",), ("if-match",), 60, ("etag",))


def test_a_function_may_be_called_by_an_alias_of_its_version(read_product: ReadProduct) -> None:
    named = {"Fn::Join": ["", [{"Fn::Select": [6, {"Fn::Split": [":", {"Ref": "Live"}]}]}, ":live"]]}
    invoked = {"Fn::Join": ["", ["arn:aws:apigateway:", {"Ref": "AWS::Region"}, "/", {"Ref": "Live"}, "/invocations"]]}
    product = deepcopy(PRODUCT)
    product["Live"] = {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": {"Ref": "Trade"}, "Name": "live"}}
    product["Consumer"]["Properties"]["FunctionName"] = named
    product["Integration"]["Properties"]["IntegrationUri"] = invoked

    wiring = read_product(product)

    assert [each.function for each in wiring.event_sources] == ["trade"]
    assert [each.function for each in wiring.routes] == ["trade"]


@pytest.mark.parametrize(
    ("resource", "properties", "complaint"),
    [
        pytest.param(
            "Trade",
            {"Environment": {"Variables": {"QUEUE_URL": {"Ref": "Nothing"}}}},
            "stack/Trade/Environment/Variables/QUEUE_URL/Ref: stack has no resource Nothing",
            id="a variable that points nowhere",
        ),
        pytest.param(
            "Consumer",
            {"EventSourceArn": {"Fn::GetAtt": ["Missing", "Arn"]}},
            "stack/Consumer/EventSourceArn: stack has no resource Missing",
            id="a consumer of no queue",
        ),
        pytest.param(
            "Consumer",
            {"EventSourceArn": {"Fn::GetAtt": ["Trade", "Arn"]}},
            "which is no queue but AWS::Lambda::Function",
            id="a consumer of something else",
        ),
        pytest.param(
            "Consumer",
            {"FunctionName": {"Ref": "Orders"}},
            "points at stack/Orders, which is not one of the product's functions",
            id="a queue that feeds no function",
        ),
        pytest.param(
            "Integration",
            {"IntegrationUri": "arn:somewhere"},
            "stack/Integration/IntegrationUri points at no function",
            id="a route without function",
        ),
        pytest.param(
            "Integration", {"PayloadFormatVersion": "1.0"}, "the payload format is not 2.0", id="the old payload"
        ),
        pytest.param("Route", {"RouteKey": "GET"}, "the route key GET is not METHOD /path", id="no path"),
        pytest.param("Route", {"AuthorizationType": "JWT"}, "authorization of type JWT", id="another authorizer"),
    ],
)
def test_a_mistake_stops_the_reading_with_its_place(
    read_product: ReadProduct, resource: str, properties: dict[str, Any], complaint: str
) -> None:
    resources = deepcopy(PRODUCT)
    resources[resource]["Properties"] |= properties

    with pytest.raises(TemplateFault) as fault:
        read_product(resources)

    assert complaint in str(fault.value)


def test_a_layer_without_its_folder_stops_the_reading(read_product: ReadProduct) -> None:
    resources = deepcopy(PRODUCT)
    resources["Library"]["Metadata"]["aws:asset:path"] = "../nowhere"

    with pytest.raises(TemplateFault, match="holds no python folder"):
        read_product(resources)
