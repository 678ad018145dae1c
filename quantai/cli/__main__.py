"""`python -m quantai.cli` is `quantai`."""

from quantai.cli import main

main()
