"""What tests of several rooms use; none of it is a test itself."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
