"""One small team a pattern, made of whatever members are given: what the table of tests is built from.

Each module has `build(members, *, on_failure=fail_fast, name="NAME")`, which makes a team of any number of members, and
`POLICIES`, whether `on_failure` says anything to the pattern.
"""
