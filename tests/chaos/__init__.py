"""A cluster of real processes to which bad things happen, again and again, from a seed."""
