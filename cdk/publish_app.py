"""Brings the built web app to where the `web` stack of an environment serves it: `python -m cdk.publish_app --env dev`.

Files that are named by their content go first and are kept for a year, so that a page which is open goes on working;
the page itself follows, and says whom it calls; then the content network is told to forget the old one.
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cdk.environments import ENVIRONMENTS, REGION, Environment
from cdk.page_policy import NoPage, narrow
from cdk.paths import APP_BUILD

_KEPT: Final = "public, max-age=31536000, immutable"
_ASKED_FOR: Final = "no-cache"
_NAMED_BY_CONTENT: Final = ("_expo/static/", "assets/")
_CHANGING: Final = ["/index.html", "/environment.json", "/metadata.json"]


class AppNotBuilt(Exception):
    """There is no built app to publish."""


class NotDeployed(Exception):
    """The environment has no place for the app yet."""


def publish(environment: Environment, folder: Path, *, aws: Callable[[str], Any]) -> str:
    """Upload the app in `folder` and return its URL. `aws` makes clients.

    Raises:
        AppNotBuilt: `folder` holds no app.
        NotDeployed: a stack is missing, or is of a time before the app had a place.
    """
    if not (folder / "index.html").is_file():
        raise AppNotBuilt("the app is not built: run `make app`")
    outputs = outputs_of(aws("cloudformation"), environment)
    bucket = outputs["AppBucket"]
    api_url = outputs["ApiUrl"].rstrip("/")
    page = folder / "index.html"
    narrowed = _narrowed(page, api_url)
    for path in sorted(_files(folder), key=_page_last(folder)):
        name = path.relative_to(folder).as_posix()
        _put(aws("s3"), bucket, name, narrowed if path == page else path.read_bytes())
    about = {"name": environment.stage, "apiUrl": api_url}
    _put(aws("s3"), bucket, "environment.json", json.dumps(about).encode())
    aws("cloudfront").create_invalidation(
        DistributionId=outputs["AppDistribution"],
        InvalidationBatch={
            "Paths": {"Quantity": len(_CHANGING), "Items": _CHANGING},
            "CallerReference": str(time.time_ns()),
        },
    )
    return outputs["AppUrl"]


def _narrowed(page: Path, api_url: str) -> bytes:
    try:
        return narrow(page.read_bytes(), api_url)
    except NoPage as no_page:
        raise AppNotBuilt(f"the app is not built as it should be ({no_page}): run `make app`") from no_page


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        # The content network compresses by itself: the neighbours are the twin's.
        if path.is_file() and path.suffix != ".gz" and not path.name.startswith("."):
            yield path


def _page_last(folder: Path) -> Callable[[Path], tuple[bool, str]]:
    return lambda path: (path == folder / "index.html", path.as_posix())


def _put(s3: Any, bucket: str, name: str, content: bytes) -> None:
    s3.put_object(
        Bucket=bucket,
        Key=name,
        Body=content,
        ContentType=mimetypes.guess_type(name)[0] or "application/octet-stream",
        CacheControl=_KEPT if name.startswith(_NAMED_BY_CONTENT) else _ASKED_FOR,
    )


def outputs_of(cloudformation: Any, environment: Environment) -> Mapping[str, str]:
    """Where the environment's API and app are. Raises NotDeployed, also where AWS cannot be asked."""
    from botocore.exceptions import BotoCoreError, ClientError

    found: dict[str, str] = {}
    for name in ("api", "web"):
        stack = f"algotrading-{environment.stage}-{name}"
        try:
            (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            raise NotDeployed(f"the stack {stack} cannot be read ({error}): run `make deploy`") from error
        except BotoCoreError as error:
            why = f"AWS cannot be asked ({error}): run `aws configure sso` or set AWS_PROFILE"
            raise NotDeployed(why) from error
        found |= {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    missing = {"ApiUrl", "AppBucket", "AppDistribution", "AppUrl"} - found.keys()
    if missing:
        raise NotDeployed(f"{environment.stage} lacks {', '.join(sorted(missing))}: run `make deploy`")
    return found


def _client(service: str) -> Any:
    import boto3

    make_client: Callable[..., Any] = boto3.client
    return make_client(service, region_name=REGION)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m cdk.publish_app", description=__doc__)
    parser.add_argument("--env", choices=sorted(ENVIRONMENTS), default="dev")
    environment = ENVIRONMENTS[parser.parse_args().env]
    try:
        url = publish(environment, APP_BUILD, aws=_client)
    except (AppNotBuilt, NotDeployed) as missing:
        sys.stderr.write(f"The app was not published: {missing}\n")
        return 1
    sys.stdout.write(f"The app of {environment.stage}: {url}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
