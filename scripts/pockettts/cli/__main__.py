"""`python -m pockettts.cli` is `pockettts`."""

from pockettts.cli import main

main()
