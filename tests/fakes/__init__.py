"""Providers in miniature: they speak HTTP on loopback, and misbehave when a test asks them to."""
