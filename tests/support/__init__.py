"""What tests share, one module a subject; fixtures that several files use are in the conftest.py beside them."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
FAKES = Path(__file__).parent / "fakes"
