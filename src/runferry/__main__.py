"""The door of ``runferry`` and of ``python -m runferry``. It only opens."""

from runferry.cli.application import main

if __name__ == "__main__":
    main()
