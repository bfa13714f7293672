from __future__ import annotations

import ast
import io
import sys
from pathlib import Path

import pytest

from wheatstone.models.crm import child as crm_child
from wheatstone.models.foreign import child
from wheatstone.models.foreign.child import failure_of, read_frame, write_frame


def frames(data: bytes) -> tuple[list[child.Frame], list[bytes]]:
    """All frames in some bytes, and the noise between them."""
    source = io.BytesIO(data)
    noise: list[bytes] = []
    found: list[child.Frame] = []
    while frame := read_frame(source, noise.append):
        found.append(frame)
    return found, noise


def framed(header: dict[str, object], data: bytes = b"") -> bytes:
    target = io.BytesIO()
    write_frame(target, header, data)
    return target.getvalue()


def test_frames_come_out_as_they_went_in() -> None:
    binary = bytes(range(256)) * 3
    sent = framed({"kind": "part", "name": "a\x1eb\n"}, binary) + framed({"kind": "done"})
    assert frames(sent) == ([({"kind": "part", "name": "a\x1eb\n"}, binary), ({"kind": "done"}, b"")], [])


def test_noise_around_frames_is_kept_apart() -> None:
    sent = b"hello\n{}\n" + framed({"kind": "a"}) + b"no newline" + framed({"kind": "b"}) + b"rest"
    assert frames(sent) == (
        [({"kind": "a"}, b""), ({"kind": "b"}, b"")],
        [b"hello\n", b"{}\n", b"no newline", b"rest"],
    )


@pytest.mark.parametrize("cut", [3, 20, 30])
def test_a_frame_that_breaks_off_is_none(cut: int) -> None:
    whole = framed({"kind": "part"}, b"0123456789")
    assert frames(whole[: len(whole) - cut]) == ([], [])


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'{"bytes": -1}', b'{"bytes": 1e9}', b'{"bytes": 99999999999}', b"\xff"]
)
def test_what_is_marked_and_no_frame_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own, or ours
        frames(child.MARK + text + b"\n")


@pytest.mark.parametrize("file", [child.__file__, crm_child.__file__])
def test_what_runs_elsewhere_is_python_3_9_and_imports_nothing_of_ours(file: str) -> None:
    tree = ast.parse(Path(file).read_text(encoding="utf-8"), feature_version=(3, 9))
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
    }
    assert {name.partition(".")[0] for name in imported} <= {*sys.stdlib_module_names, "numpy", "PIL"}


def _missing() -> ModuleNotFoundError:
    return ModuleNotFoundError("No module named 'kaolin'", name="kaolin")


class OutOfMemoryError(RuntimeError):
    """As PyTorch's is called."""


class Told(Exception):  # noqa: N818 - as adapters have them
    """As an adapter's own."""

    wheatstone_code = "bad-picture"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (_missing(), "model-unavailable", "The model m needs the Python module kaolin"),
        (ImportError("no such symbol"), "model-unavailable", "no such symbol."),
        (MemoryError(), "device-memory", "The model m ran out of memory."),
        (OutOfMemoryError("x"), "device-memory", "ran out of its device's memory: x."),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"), "device-memory", "CUBLAS_STATUS_ALLOC_FAILED."),
        (ValueError("two\n lines."), "model-failed", "The model m failed: ValueError: two lines."),
        (ValueError(), "model-failed", "The model m failed: ValueError."),
        (SystemExit(3), "model-failed", "The model m failed: SystemExit: 3."),
        (Told("Nothing to see."), "bad-picture", "Nothing to see."),
    ],
)
def test_errors_get_a_code_and_one_line(error: BaseException, code: str, said: str) -> None:
    got, message = failure_of(error, "m")
    assert got == code
    assert said in message
    assert "\n" not in message
