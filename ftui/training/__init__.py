"""From a recipe to a model. Start reading at run.py."""
