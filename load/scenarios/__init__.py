"""What the load is made of: customers of the form who are new or come back, and the desk. For `load/locustfile.py`."""
