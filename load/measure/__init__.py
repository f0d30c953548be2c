"""The benchmark's sections, one file each: every one loads a running system and returns a `Section`."""
