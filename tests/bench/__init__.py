"""Benchmark: ``python -m tests.bench``; ``--quick`` only checks that everything runs."""
