"""The desk in a real browser, on the real application and Postgres; a responder stands in for the FTE."""
