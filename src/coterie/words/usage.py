"""What work cost."""

from __future__ import annotations

from msgspec import Struct


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens, requests, tool calls and money (US dollars) spent; adds with `+`."""

    input_tokens: int = 0
    output_tokens: int = 0
    requests: int = 0
    tool_calls: int = 0
    usd: float = 0.0

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.requests + other.requests,
            self.tool_calls + other.tool_calls,
            self.usd + other.usd,
        )


NOTHING = Usage()
"""The usage of work that cost nothing."""
ONE_REQUEST = Usage(requests=1)
"""The usage of one model call whose tokens nobody counted."""
ONE_TOOL_CALL = Usage(tool_calls=1)
"""The usage of one tool call."""
