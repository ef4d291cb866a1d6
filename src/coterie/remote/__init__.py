"""Remote agents: members of a team that live elsewhere and speak A2A, how they are found and how they are talked to."""

import os

os.environ.setdefault(
    "OTEL_INSTRUMENTATION_A2A_SDK_ENABLED", "false"
)  # the kit's own spans have names of its own
