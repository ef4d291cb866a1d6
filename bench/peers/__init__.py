"""The same work in other frameworks, for whoever wants to compare."""
