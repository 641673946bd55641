"""Plugins for grader: each module is one, and needs none of the others."""
