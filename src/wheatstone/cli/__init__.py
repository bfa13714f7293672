"""The `wheatstone` command: one module a command."""
