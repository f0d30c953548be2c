"""What runs and how it does, for `fte status`: `reading` asks for it, `snapshot` is the answer, `view` shows it."""
