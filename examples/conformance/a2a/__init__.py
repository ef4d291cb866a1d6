"""An A2A agent with the behaviours that the official test kit selects by the id of a message."""
