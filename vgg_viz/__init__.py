"""Look inside VGG19: its architecture, its filters, and what every layer makes of a picture."""

__version__ = "1.0.0"
