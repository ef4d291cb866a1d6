"""Remote agents: members of a team that live elsewhere and speak A2A, how they are found and how they are talked to."""
