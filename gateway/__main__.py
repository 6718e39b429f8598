"""``python -m gateway`` is ``kanal``."""

from gateway.cli import main

if __name__ == "__main__":
    main()
