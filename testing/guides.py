"""The code of the guides in docs/architecture.md, as modules where the guides say they belong."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

ARCHITECTURE = Path(__file__).parents[1] / "docs" / "architecture.md"


def block(name: str, language: str = "python") -> str:
    """The code block that is marked with this name."""
    found = re.findall(rf"^```{language} {name}\n(.*?)^```$", ARCHITECTURE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"docs/architecture.md has {len(found)} blocks {language} {name}"
    return str(found[0])


@contextmanager
def followed(package: ModuleType, file: str, name: str, folder: Path) -> Iterator[ModuleType]:
    """The package with the guide's file in it, such as `forge.py` or `send_sms/handler.py`."""
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block(name))
    for parent in path.relative_to(folder).parents:
        if parent != Path():
            (folder / parent / "__init__.py").touch()
    module = f"{package.__name__}.{file.removesuffix('.py').replace('/', '.')}"
    package.__path__.append(str(folder))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(module)
    finally:
        package.__path__.remove(str(folder))
        top = f"{package.__name__}.{file.removesuffix('.py').split('/')[0]}"
        for imported in [one for one in sys.modules if one == top or one.startswith(f"{top}.")]:
            del sys.modules[imported]
        vars(package).pop(top.rpartition(".")[2], None)
