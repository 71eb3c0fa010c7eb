"""``python -m methodic`` is ``methodic``."""

from methodic.cli import main

if __name__ == "__main__":  # a fresh worker imports the main module, too
    main()
