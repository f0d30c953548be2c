"""What `fte up` runs: embedded Postgres, Ray and the Serve application, started, watched and stopped.

Start with `supervisor`. It is no Ray driver and imports no Ray: it starts Ray's processes, and talks to Serve
through the dashboard's REST interface, so the death of Ray is something that it sees and repairs.
"""
