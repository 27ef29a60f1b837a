"""mcp-proxy: a local sidecar between an AI client and the APIs it may use."""

__version__ = "0.1.0"
