"""Engines: who performs a run now. One module an engine; none knows what a run is."""
