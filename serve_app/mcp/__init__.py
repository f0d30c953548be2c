"""The MCP server's wiring: Postgres and models behind the tools' ports, the door of HTTP, and both transports."""
