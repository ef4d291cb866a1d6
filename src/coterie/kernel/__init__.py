"""The quiet room: what follows from what happened. No clock, no loop, no socket, no random."""
