"""ACP, IBM's Agent Communication Protocol: a REST bridge for clients from before it became a part of A2A."""
