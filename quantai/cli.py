"""`quantai`."""


def main() -> None:
    """Soon."""
