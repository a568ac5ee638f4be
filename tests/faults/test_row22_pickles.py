"""Row 22: what could run code when opened is refused by its name and its first bytes, and nothing is ever unpickled."""

from __future__ import annotations

import ast
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from webui.core.errors import PickleRefused
from webui.library.catalog import Catalog
from webui.library.header import read_header


class Evil:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (Path("unpickled-mark"),)  # type: ignore[return-value]


def _zip(path: Path) -> None:
    torch.save({"evil": Evil()}, path)


def _legacy(path: Path) -> None:
    torch.save({"evil": Evil()}, path, _use_new_zipfile_serialization=False)


def _plain_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")


def _protocol(number: int) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(pickle.dumps(Evil(), protocol=number)) and None


WRITERS = {"zip": _zip, "legacy": _legacy, "archive": _plain_archive} | {
    f"protocol {n}": _protocol(n) for n in (2, 3, 4, 5)
}
NAMES = ["model.ckpt", "model.pt", "model.pth", "model.bin", "model.PT", "model.safetensors", "model.gguf"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", WRITERS)
def test_row22_pickles_are_refused_under_any_name(tmp_path: Path, kind: str, name: str) -> None:
    WRITERS[kind](tmp_path / name)
    with pytest.raises(PickleRefused) as refused:
        read_header(tmp_path / name)
    assert ".safetensors" in refused.value.hint
    assert not Path("unpickled-mark").exists()


def test_row22_the_catalog_lists_them_with_the_reason(tmp_path: Path) -> None:
    for folder in ("checkpoints", "loras"):
        (tmp_path / folder).mkdir()
        for i, write in enumerate(WRITERS.values()):
            write(tmp_path / folder / f"{i}.ckpt")
            write(tmp_path / folder / f"disguised-{i}.safetensors")
    catalog = Catalog([tmp_path], [])
    catalog.refresh()
    problems = [card.problem for card in (*catalog.models(), *catalog.loras())]
    assert len(problems) == 4 * len(WRITERS)
    assert {problem.code for problem in problems if problem} == {"pickle_refused"}
    assert None not in problems


UNPICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def test_row22_our_code_has_nothing_that_unpickles() -> None:
    """The guard cannot see torch's restricted unpickler, so the source must not call it either."""
    root = Path(__file__).parents[2]
    found = []
    for path in (root / "webui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            loads = isinstance(node, ast.Attribute) and ast.unparse(node) in ("torch.load", "np.load", "numpy.load")
            allows = isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "weights_only", "trust_remote_code")
            if loads or allows or UNPICKLERS & {name.partition(".")[0] for name in names}:
                found.append(f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}")
    assert found == []
