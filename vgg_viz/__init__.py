"""Look inside VGG19: its architecture, its filters, and what every layer makes of a picture."""

__version__ = "0.1.0"
