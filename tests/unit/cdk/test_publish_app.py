"""How the web app reaches its bucket, and what is said where it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from cdk.environments import ENVIRONMENTS
from cdk.publish_app import AppNotBuilt, NotDeployed, publish

DEV = ENVIRONMENTS["dev"]
URL = "https://d111.cloudfront.net"
PAGE = '<!DOCTYPE html><html lang="en"><head>\n<script src="/entry.js"></script></head></html>'
SCRIPT = "_expo/static/js/web/entry-1.js"
OUTPUTS = {
    "algotrading-dev-api": {"ApiUrl": "https://a1.execute-api.ap-south-1.amazonaws.com/"},
    "algotrading-dev-web": {"AppBucket": "bucket", "AppDistribution": "E1", "AppUrl": URL},
}


@dataclass
class Cloud:
    """The stacks of an account, and what is asked of it, in order."""

    outputs: dict[str, dict[str, str]] = field(default_factory=lambda: OUTPUTS)
    put: list[dict[str, Any]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    def __call__(self, _service: str) -> Cloud:
        return self

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - AWS's own name
        if StackName not in self.outputs:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks")
        pairs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs[StackName].items()]
        return {"Stacks": [{"Outputs": pairs}]}

    def put_object(self, **asked: Any) -> None:
        assert not self.forgotten, "the content network was told to forget before everything was there"
        self.put.append(asked)

    def create_invalidation(self, *, DistributionId: str, InvalidationBatch: dict[str, Any]) -> None:  # noqa: N803
        assert DistributionId == "E1"
        self.forgotten += InvalidationBatch["Paths"]["Items"]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A built app with the twin's compressed neighbours."""
    for name in ("index.html.gz", ".ready", SCRIPT, f"{SCRIPT}.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "index.html").write_text(PAGE)
    return tmp_path


def test_the_page_comes_after_what_it_loads_and_names_its_api(built: Path) -> None:
    cloud = Cloud()

    assert publish(DEV, built, aws=cloud) == URL

    assert [each["Key"] for each in cloud.put] == [SCRIPT, "index.html", "environment.json"]
    about = json.loads(cloud.put[-1]["Body"])
    assert about == {"name": "dev", "apiUrl": "https://a1.execute-api.ap-south-1.amazonaws.com"}
    assert "/index.html" in cloud.forgotten


def test_what_is_named_by_its_content_is_kept_and_the_page_is_asked_for(built: Path) -> None:
    cloud = Cloud()
    publish(DEV, built, aws=cloud)
    by_name = {each["Key"]: each for each in cloud.put}

    assert "immutable" in by_name[SCRIPT]["CacheControl"]
    assert by_name[SCRIPT]["ContentType"].endswith("javascript")
    assert by_name["index.html"]["CacheControl"] == "no-cache"
    assert by_name["index.html"]["ContentType"] == "text/html"


def test_nothing_is_published_where_nothing_was_built(tmp_path: Path) -> None:
    with pytest.raises(AppNotBuilt, match="make app"):
        publish(DEV, tmp_path, aws=Cloud())


@pytest.mark.parametrize(
    "without",
    [
        lambda: {name: values for name, values in OUTPUTS.items() if not name.endswith("web")},
        lambda: {**OUTPUTS, "algotrading-dev-web": {}},
    ],
)
def test_an_environment_without_a_place_for_the_app_says_so(
    built: Path, without: Callable[[], dict[str, dict[str, str]]]
) -> None:
    cloud = Cloud(outputs=without())

    with pytest.raises(NotDeployed, match="make deploy"):
        publish(DEV, built, aws=cloud)
    assert cloud.put == []


def test_without_credentials_it_says_what_to_do(built: Path) -> None:
    class Nobody:
        def describe_stacks(self, **_: str) -> None:
            raise NoCredentialsError

    with pytest.raises(NotDeployed, match="aws configure sso"):
        publish(DEV, built, aws=lambda _: Nobody())


def test_the_page_says_before_anything_else_which_api_it_calls(built: Path) -> None:
    """The header that comes with it names no single one: it is made before the API is."""
    cloud = Cloud()

    publish(DEV, built, aws=cloud)

    page = next(each["Body"] for each in cloud.put if each["Key"] == "index.html").decode()
    policy = "connect-src 'self' https://a1.execute-api.ap-south-1.amazonaws.com"
    said = f'<head><meta http-equiv="Content-Security-Policy" content="{policy}">'
    assert page == PAGE.replace("<head>", said)


def test_a_page_that_cannot_say_whom_it_calls_is_not_published(built: Path) -> None:
    (built / "index.html").write_text("<html>no head</html>")
    cloud = Cloud()

    with pytest.raises(AppNotBuilt, match="no head"):
        publish(DEV, built, aws=cloud)
    assert cloud.put == []
