"""`python -m wheatstone` is the `wheatstone` command."""

from wheatstone.cli import main

if __name__ == "__main__":
    main()
