"""What the HTTP routes share, free of Ray. Start with `app` (the application) and `services` (what it needs)."""
