"""One module per command of `fte`; each has `register(app)`."""
