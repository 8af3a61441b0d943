"""Generators of the training samples: one module per task, mixed in `mix.py`."""
