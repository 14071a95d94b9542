"""Recipes that make the models which are scored. None is there yet."""
