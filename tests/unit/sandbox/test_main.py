"""The command line: invalid options are rejected before anything is served."""

import pytest

from local.sandbox.__main__ import main


@pytest.mark.parametrize("arguments", [["--telegram-token", "nonsense"], ["--port", "many"], ["--platform", "myspace"]])
def test_invalid_options_are_rejected(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: python -m local.sandbox" in capsys.readouterr().err
