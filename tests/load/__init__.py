"""Load test with viewers that speak Streamlit's protocol to a real server on loopback.

``python -m tests.load`` measures everything and prints a table; ``--help`` lists the options.
"""
