"""What local/ministack.py patches, so that a newer MiniStack with a fix of its own, or with moved code, is noticed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.services import s3
from ministack.services.cloudformation import provisioners

from local.ministack import ROUTE_RESPONSE, UnpackedOnce, _not_found_if_missing, _route_response

BATCH: tuple[object, ...] = ("sqs", "POST", "/", {"x-amz-target": "AmazonSQS.SendMessageBatch"}, b"{}", {})


def test_ministack_still_requires_a_batch_permission_that_iam_does_not_have() -> None:
    assert iam_actions.extract_iam_action(*BATCH) == "sqs:SendMessageBatch"


def test_what_is_patched_in_ministack_still_exists() -> None:
    assert app.pin_request_origin is iam_evaluator.pin_request_origin
    assert lambda_runtime.zipfile is zipfile
    assert lambda_runtime._detect_runtime_binary("python3.13")[0] == lambda_runtime.sys.executable


def test_ministacks_cloudformation_still_lacks_route_responses_which_the_service_has() -> None:
    assert ROUTE_RESPONSE not in provisioners._RESOURCE_HANDLERS
    with pytest.raises(ValueError, match="not found"):
        _route_response("Answer", {"ApiId": "a", "RouteId": "a/r", "RouteResponseKey": "$default"}, "Cairn")


def test_a_missing_object_is_not_found_and_a_missing_bucket_stays_as_ministack_answers() -> None:
    s3._buckets["pages"] = {"objects": {}, "created": "now", "region": "us-east-1"}
    try:
        assert s3.serve_cloudfront_origin_fetch("pages", "nothing", "GET", {})[0] == 403
        status, _, body = _not_found_if_missing("pages", "nothing", "GET", {})
        assert (status, b"NoSuchKey" in body) == (404, True)
    finally:
        del s3._buckets["pages"]
    assert _not_found_if_missing("no-such-bucket", "nothing", "GET", {})[0] == 404


def test_an_archive_is_unpacked_once_and_linked_for_each_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.ministack.UNPACKED", tmp_path / "unpacked")
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo("python/cairn/model.py"), "words = 1")
        with UnpackedOnce(tmp_path / f"{name}.zip") as packed:
            packed.extractall(tmp_path / name)
    first, second = (tmp_path / name / "python" / "cairn" / "model.py" for name in ("first", "second"))
    assert first.read_text() == "words = 1"
    assert first.samefile(second)
