"""Three agents that live apart, each in a process of its own, and work together over A2A alone: none is the centre."""
