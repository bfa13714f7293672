from __future__ import annotations

import io
from email.parser import BytesParser
from email.policy import HTTP

from wheatstone.delivery.forms import FileForm

CONTENT = bytes(range(256)) * 5000


def test_a_form_is_the_same_whenever_it_is_read_and_as_long_as_it_says() -> None:
    form = FileForm("a.zip", "application/zip", io.BytesIO(CONTENT), "stands-between")
    body = b"".join(form.chunks())
    assert b"".join(form.chunks()) == body
    assert form.size_bytes == len(body)


def test_a_form_has_a_name_and_a_file() -> None:
    form = FileForm("a.zip", "application/zip", io.BytesIO(CONTENT), "stands-between")
    head = f"Content-Type: {form.content_type}\r\n\r\n".encode()
    name, file = BytesParser(policy=HTTP).parsebytes(head + b"".join(form.chunks())).iter_parts()
    assert name.get_payload(decode=True) == b"a.zip"
    assert (file.get_filename(), file.get_content_type()) == ("a.zip", "application/zip")
    assert file.get_payload(decode=True) == CONTENT


def test_no_piece_of_a_form_is_large() -> None:
    form = FileForm("a.zip", "application/zip", io.BytesIO(CONTENT), "stands-between")
    assert max(map(len, form.chunks())) <= 1 << 18
