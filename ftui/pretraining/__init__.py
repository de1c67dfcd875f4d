"""Scripts that make the starter models from plain text; each reads from top to bottom and is run with `python -m`."""
