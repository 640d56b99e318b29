"""MiniStack, mended where it would hide what fails in AWS, refuse what AWS takes, or work for nothing.

Functions run in an interpreter of their own: MiniStack starts them with `sys.executable`, and ours has every tool of
this checkout and Cairn itself, so that a module which a function's package or layer lacks would be missed in AWS alone.

A batch of SQS is allowed by the right to the single action, since IAM knows no other:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html

Calls count as encrypted: queues refuse those that are not, and on loopback there is no network to cross.

CloudFormation makes route responses, without which a WebSocket API of AWS gives no answers; MiniStack knows them, its
CloudFormation does not.

A path pattern's `*` is any characters, a line's end among them.

An object that is not there is not found, as S3 says to who may list, which the distribution may.

Packages and layers are unpacked once and linked, not unpacked again for each worker, which took half of a cold start.
They stay for later runs, as long as they are used.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import threading
import time
import zipfile
from collections.abc import Iterable, Mapping
from functools import partial
from http import HTTPStatus
from os import PathLike
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack import app
from ministack.core import iam_actions, lambda_runtime
from ministack.core.iam_evaluator import pin_request_origin
from ministack.services import apigateway, cloudfront, s3
from ministack.services.cloudformation import provisioners

from local.settings import CACHE

UNPACKED = CACHE / "unpacked"
ROUTE_RESPONSE = "AWS::ApiGatewayV2::RouteResponse"

_UNUSED_SECONDS = 7 * 86_400
_iam_action = iam_actions.extract_iam_action
_from_origin = s3.serve_cloudfront_origin_fetch
_unpacking = threading.Lock()


def main() -> None:
    """Serve until ended; the settings are in the environment, as MiniStack has them."""
    sys.executable = sys.argv.pop()
    iam_actions.extract_iam_action = _action_that_iam_knows
    app.pin_request_origin = _pinned_as_encrypted
    lambda_runtime.zipfile = SimpleNamespace(**vars(zipfile) | {"ZipFile": UnpackedOnce})
    provisioners._RESOURCE_HANDLERS[ROUTE_RESPONSE] = {"create": _route_response}  # noqa: SLF001 - it has no other door
    s3.serve_cloudfront_origin_fetch = _found_or_not
    cloudfront._re_compile = partial(re.compile, flags=re.DOTALL)  # noqa: SLF001 - as above
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # for the functions, which have theirs with them
    _drop_unused()
    app.main()


class UnpackedOnce(zipfile.ZipFile):
    """An archive whose contents are shared by all who unpack it, and so are not to be written to, as in Lambda."""

    def extractall(
        self,
        path: str | PathLike[str] | None = None,
        members: Iterable[str | zipfile.ZipInfo] | None = None,
        pwd: bytes | None = None,
    ) -> None:
        """Link what is in the archive into the directory `path`."""
        archive = Path(str(self.filename))
        shared = UNPACKED / hashlib.sha256(archive.read_bytes()).hexdigest()
        with _unpacking:
            if not shared.exists():
                unfinished = shared.with_suffix(f".{os.getpid()}")
                super().extractall(unfinished, members, pwd)
                try:
                    unfinished.rename(shared)
                except OSError:  # another local cloud was faster
                    shutil.rmtree(unfinished)
            shared.touch()
        for entry in shared.iterdir():
            Path(path or ".", entry.name).symlink_to(entry)


def _route_response(_logical_id: str, properties: Mapping[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
    route = properties["RouteId"].rpartition("/")[2]
    given = {"routeResponseKey": properties["RouteResponseKey"]}
    status, _, body = apigateway._create_route_response(properties["ApiId"], route, given)  # noqa: SLF001 - as above
    if status >= 400:
        raise ValueError(f"{ROUTE_RESPONSE}: {body!r}")
    return json.loads(body)["routeResponseId"], {}


def _found_or_not(bucket: str, key: str, *request: object, **options: object) -> Any:
    answer = _from_origin(bucket, key, *request, **options)
    there = s3._ensure_bucket(bucket)  # noqa: SLF001 - as above
    if answer[0] == HTTPStatus.FORBIDDEN and there is not None and key not in there["objects"]:
        said = "The specified key does not exist."
        return s3._error("NoSuchKey", said, 404, f"/{bucket}/{key}")  # noqa: SLF001 - as above
    return answer


def _drop_unused() -> None:
    for shared in UNPACKED.glob("*"):
        if shared.stat().st_mtime < time.time() - _UNUSED_SECONDS:
            shutil.rmtree(shared, ignore_errors=True)


def _action_that_iam_knows(*request: object) -> str | None:
    action: str | None = _iam_action(*request)
    return action.removesuffix("Batch") if action is not None and action.startswith("sqs:") else action


def _pinned_as_encrypted(source_ip: str, _: bool) -> None:
    pin_request_origin(source_ip, True)


if __name__ == "__main__":
    main()
