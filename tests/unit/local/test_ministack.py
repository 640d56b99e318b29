"""What is mended in MiniStack, so that a newer one that has mended it itself, or moved it, is noticed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime

from local.ministack import UnpackedOnce

BATCH: tuple[object, ...] = ("sqs", "POST", "/", {"x-amz-target": "AmazonSQS.SendMessageBatch"}, b"{}", {})


def test_ministack_asks_for_a_right_to_batches_that_iam_does_not_have() -> None:
    assert iam_actions.extract_iam_action(*BATCH) == "sqs:SendMessageBatch"


def test_what_is_replaced_in_ministack_is_there() -> None:
    assert app.pin_request_origin is iam_evaluator.pin_request_origin
    assert lambda_runtime.zipfile is zipfile
    assert lambda_runtime._detect_runtime_binary("python3.13")[0] == lambda_runtime.sys.executable


def test_an_archive_is_unpacked_once_and_linked_wherever_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
