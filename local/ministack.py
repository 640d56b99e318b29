"""MiniStack with patches where it hides errors that AWS reports, rejects what AWS accepts, or wastes time.

Functions run in a separate interpreter: MiniStack starts them with `sys.executable`, and ours has Cairn and all tools
of this checkout, so that a module missing from a function's package or layer would fail in AWS only.

Batch actions of SQS need the permission for the single action, since IAM has no other:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html

Calls count as encrypted: the queues' policies reject others, and loopback traffic crosses no network.

CloudFormation creates route responses, without which a WebSocket API in AWS sends no answers; MiniStack's API Gateway
supports them, its CloudFormation does not.

In a path pattern, `*` matches any characters, line breaks included.

A missing object is 404 instead of 403, as in S3 for a caller who may list the bucket, such as the distribution.

CloudFront's functions are told the viewer's address and Host by the edge: what connects to MiniStack is always the
edge. Only a policy that names `CloudFront-Viewer-Address` passes it on.

Functions get credentials that nobody can compute, and `ministack_guard` says who may call.

The mappings of streams keep the template's limits (`stream_mapping`).

Packages and layers are unpacked once and linked. Unpacking them for each worker took half of a cold start. They are
kept for later runs while they are in use.
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
from ministack.services import apigateway, cloudfront, lambda_svc, s3
from ministack.services.cloudformation import provisioners

from local import ministack_guard, stream_mapping
from local.settings import CACHE, VIEWER_HOST_HEADER

UNPACKED = CACHE / "unpacked"
ROUTE_RESPONSE = "AWS::ApiGatewayV2::RouteResponse"

_UNUSED_SECONDS = 7 * 86_400
_iam_action = iam_actions.extract_iam_action
_from_origin = s3.serve_cloudfront_origin_fetch
_function_event = cloudfront._build_function_event  # noqa: SLF001 - there is no public way
_unpacking = threading.Lock()


def main() -> None:
    """Serve until stopped; MiniStack reads its settings from the environment."""
    sys.executable = sys.argv.pop()
    iam_actions.extract_iam_action = _single_action
    app.pin_request_origin = _pinned_as_encrypted
    lambda_runtime.zipfile = SimpleNamespace(**vars(zipfile) | {"ZipFile": UnpackedOnce})
    provisioners._RESOURCE_HANDLERS[ROUTE_RESPONSE] = {"create": _route_response}  # noqa: SLF001 - there is no public way
    s3.serve_cloudfront_origin_fetch = _not_found_if_missing
    cloudfront._build_function_event = _event_of_the_viewer  # noqa: SLF001 - as above
    cloudfront._re_compile = partial(re.compile, flags=re.DOTALL)  # noqa: SLF001 - as above
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # for the functions, whose packages contain bytecode
    lambda_runtime.execution_credentials = lambda_svc.execution_credentials = ministack_guard.role_session
    lambda_svc._poll_dynamodb_streams = stream_mapping.poll  # noqa: SLF001 - as above
    app.app = ministack_guard.guarded(app.app)
    _drop_unused()
    app.main()


class UnpackedOnce(zipfile.ZipFile):
    """An archive whose extracted files are shared, and so must not be written to, as in Lambda."""

    def extractall(
        self,
        path: str | PathLike[str] | None = None,
        members: Iterable[str | zipfile.ZipInfo] | None = None,
        pwd: bytes | None = None,
    ) -> None:
        """Link the archive's contents into the directory `path`."""
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
    request = {"routeResponseKey": properties["RouteResponseKey"]}
    status, _, body = apigateway._create_route_response(properties["ApiId"], route, request)  # noqa: SLF001 - as above
    if status >= 400:
        raise ValueError(f"{ROUTE_RESPONSE}: {body!r}")
    return json.loads(body)["routeResponseId"], {}


def _not_found_if_missing(bucket: str, key: str, *request: object, **options: object) -> Any:
    answer = _from_origin(bucket, key, *request, **options)
    stored = s3._ensure_bucket(bucket)  # noqa: SLF001 - as above
    if answer[0] == HTTPStatus.FORBIDDEN and stored is not None and key not in stored["objects"]:
        message = "The specified key does not exist."
        return s3._error("NoSuchKey", message, 404, f"/{bucket}/{key}")  # noqa: SLF001 - as above
    return answer


def _event_of_the_viewer(*request: object) -> dict[str, Any]:
    event: dict[str, Any] = _function_event(*request)
    headers = event["request"]["headers"]
    seen = headers.pop("cloudfront-viewer-address", {}).get("value", "")
    event["viewer"]["ip"] = seen.rpartition(":")[0] or event["viewer"]["ip"]
    headers["host"] = headers.pop(VIEWER_HOST_HEADER, headers.get("host"))
    return event


def _drop_unused() -> None:
    for shared in UNPACKED.glob("*"):
        if shared.stat().st_mtime < time.time() - _UNUSED_SECONDS:
            shutil.rmtree(shared, ignore_errors=True)


def _single_action(*request: object) -> str | None:
    action: str | None = _iam_action(*request)
    return action.removesuffix("Batch") if action is not None and action.startswith("sqs:") else action


def _pinned_as_encrypted(source_ip: str, _: bool) -> None:
    pin_request_origin(source_ip, True)


if __name__ == "__main__":
    main()
