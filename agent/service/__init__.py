"""What an operator rules about service: when people are there, how soon they answer, when a quiet conversation ends.

Start with `rules`; `hours` counts in business time.
"""
