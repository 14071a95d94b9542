"""``python -m longismore``."""

from longismore.cli import main

if __name__ == "__main__":
    main()
