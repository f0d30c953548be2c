"""Load: the benchmark (`python -m load.bench`), Locust scenarios (`python -m load.run`) and their parts.

`measure/` holds one file per section of the benchmark, `baseline` the uvicorn process that it is compared with,
`system` what starts and stops both. Everything is on loopback and bounded in count and time.
"""
