"""`python -m potstill` is the command."""

from potstill.cli import main

if __name__ == "__main__":
    main()
