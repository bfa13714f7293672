"""The server: surfaces that translate the words of the wire to jobs and back."""

from wheatstone.server.app import create_app

__all__ = ["create_app"]
