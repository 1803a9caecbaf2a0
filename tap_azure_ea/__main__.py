"""Run the tap: ``python -m tap_azure_ea``."""

from tap_azure_ea.tap import main

if __name__ == "__main__":
    main()
