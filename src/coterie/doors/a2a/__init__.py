"""A2A 1.0: teams as agents of other people's agents. A client's task is a run; its journal is all there is of it."""
