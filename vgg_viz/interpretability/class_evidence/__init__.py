"""Prediction of the 1,000 classes, and evidence for or against each."""
