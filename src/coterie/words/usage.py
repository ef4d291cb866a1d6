"""What work cost."""

from __future__ import annotations

from msgspec import Struct


class Usage(Struct, frozen=True, omit_defaults=True, gc=False):
    """Tokens, requests, tool calls and money (US dollars) spent; adds with `+`.

    `cache_read_tokens` and `cache_write_tokens` are those of the input tokens that a provider read from
    its cache, or wrote to it. `cache_hits` are requests that a cache of ours answered for nothing; they
    are not among `requests`.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    requests: int = 0
    tool_calls: int = 0
    usd: float = 0.0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_hits: int = 0

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
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.cache_hits + other.cache_hits,
        )


NOTHING = Usage()
"""The usage of work that cost nothing."""
ONE_REQUEST = Usage(requests=1)
"""The usage of one model call whose tokens nobody counted."""
ONE_TOOL_CALL = Usage(tool_calls=1)
"""The usage of one tool call."""
