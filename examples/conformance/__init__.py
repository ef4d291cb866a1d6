"""What the official conformance suites of the protocols are run against, built of public parts only."""
