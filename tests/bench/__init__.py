"""The benchmark: ``python -m tests.bench``; ``--quick`` only proves that everything runs."""
