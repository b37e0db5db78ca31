"""Methods that explain the network: plain functions on arrays."""
