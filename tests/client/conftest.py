from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from wheatstone.client import AsyncClient, Client, Retries

FAST = Retries(first_s=0.01)


class Driven:
    """An asynchronous client with the face of a blocking one, on one event loop."""

    def __init__(self, address: str, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(address, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            result = method(*arguments, **options)
            return self._each(result) if inspect.isasyncgen(result) else self._runner.run(result)

        return call

    def _each(self, items: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    item = self._runner.run(anext(items))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            self._runner.run(items.aclose())

    def end(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


Connect = Callable[..., Any]


@pytest.fixture(params=["blocking", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes clients of either kind, with the same face, that lose no time between attempts."""
    with ExitStack() as stack:

        def make(address: str, **options: Any) -> Any:
            options = {"retries": FAST} | options
            if request.param == "blocking":
                return stack.enter_context(Client(address, **options))
            driven = Driven(address, **options)
            stack.callback(driven.end)
            return driven

        yield make
