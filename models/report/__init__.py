"""An evaluation's report: `figures` counts, `comparison` holds it against an earlier one, `page` shows it.

A report is plain JSON values, so that one written today is read by whoever compares tomorrow.
"""
