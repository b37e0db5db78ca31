"""Image files of any kind, decoded to 224 × 224 RGB pixels."""
