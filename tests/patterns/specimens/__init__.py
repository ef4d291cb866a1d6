"""One small team a pattern, made of whatever members are given: what the table of tests is built from."""
