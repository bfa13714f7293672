from __future__ import annotations

import errno
import os

import pytest

from wheatstone.cli.text import error_text
from wheatstone.errors import BadOptionError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BadOptionError("No such thing."), "No such thing."),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space is left for files"),
        (PermissionError(errno.EACCES, "Permission denied", "out/a.glb"), "out/a.glb: Permission denied."),
        (IsADirectoryError(errno.EISDIR, "Is a directory", ".x.part", None, "a.glb"), "a.glb: Is a directory."),
        (OSError("Something"), "Something."),
    ],
)
def test_an_error_says_what_was_wrong_with_which_file(error: Exception, said: str) -> None:
    assert error_text(error).startswith(said)
