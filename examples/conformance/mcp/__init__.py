"""An MCP server with the fixtures of the official suite (npm `@modelcontextprotocol/conformance`)."""
