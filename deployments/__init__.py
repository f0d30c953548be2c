"""Ray Serve deployments and Ray actors, one per file, thin: build the worker, batch, offload, check health."""
