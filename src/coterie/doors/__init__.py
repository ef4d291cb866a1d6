"""Faces to the world: each shows the same runs in its own way, and decides nothing."""
