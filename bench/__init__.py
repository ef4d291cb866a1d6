"""Benchmarks: what Coterie costs, each figure beside the limit that it is near."""
