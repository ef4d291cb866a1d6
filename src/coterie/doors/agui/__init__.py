"""AG-UI 1.0: teams as agents of a user's application. One POST starts a run, its events are the answer."""
