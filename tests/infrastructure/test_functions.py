"""What every function has in common."""

from __future__ import annotations

from cdk.environments import Environment
from cdk.functions import FUNCTIONS
from cdk.paths import DEPENDENCIES_LAYER, LAMBDAS, LIBRARY_LAYER
from tests.infrastructure.templates import Estate


def test_functions_run_on_python_313_and_arm(estate: Estate) -> None:
    shapes = {
        (each.properties["Runtime"], tuple(each.properties["Architectures"]), each.properties["Handler"])
        for each in estate.functions()
    }

    assert shapes == {("python3.13", ("arm64",), "handler.lambda_handler")}


def test_a_template_names_the_source_folder_of_each_function(estate: Estate) -> None:
    folders = {each.body["Metadata"]["aws:asset:path"] for each in estate.functions()}

    assert folders <= {str(LAMBDAS / name) for name in FUNCTIONS}


def test_every_function_has_the_library_and_its_third_party_packages(estate: Estate) -> None:
    layers = estate.resources("AWS::Lambda::LayerVersion")
    sources = {each.logical_id: each.body["Metadata"]["aws:asset:path"] for each in layers}

    unpacked = {tuple(sources[layer["Ref"]] for layer in each.properties["Layers"]) for each in estate.functions()}

    assert unpacked == {(str(DEPENDENCIES_LAYER), str(LIBRARY_LAYER))}


def test_traces_are_taken_where_the_table_says(estate: Estate, environment: Environment) -> None:
    traced = {each.properties.get("TracingConfig", {}).get("Mode") == "Active" for each in estate.functions()}

    assert traced == {environment.tracing}


def test_logs_and_metrics_carry_the_functions_name_and_no_payloads(estate: Estate, environment: Environment) -> None:
    variables = [estate.variables(each) for each in estate.functions()]

    assert {each["POWERTOOLS_SERVICE_NAME"] for each in variables} <= set(FUNCTIONS)
    assert {each["POWERTOOLS_METRICS_NAMESPACE"] for each in variables} == {f"AlgoTrading/{environment.stage}"}
    assert {each["POWERTOOLS_LOGGER_LOG_EVENT"] for each in variables} == {"false"}
    assert {each["POWERTOOLS_TRACER_CAPTURE_RESPONSE"] for each in variables} == {"false"}
