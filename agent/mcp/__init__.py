"""The six tools and the read-only resources for other assistants, over the Model Context Protocol.

Start with `tools`, what each does and the rules that hold whoever calls; `server` gives them their MCP form, `ports`
is what they need from the running system. Transports, keys and Postgres are wired in `serve_app.mcp`.
"""
