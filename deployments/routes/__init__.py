"""The HTTP endpoints by who uses them: `pages` and `support` for customers, `desk` for the support team,
`operations` for operators and scrapers."""
