"""The workshop: the only place with an event loop, where what a machine wants is performed."""
