"""A2A 1.0: teams as agents of other people's agents. A client's task is a run; its journal is all there is of it."""

import os

os.environ.setdefault(
    "OTEL_INSTRUMENTATION_A2A_SDK_ENABLED", "false"
)  # the kit's own spans have names of its own
