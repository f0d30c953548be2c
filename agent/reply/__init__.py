"""What a customer reads: a draft, the guardrails it must pass, its form on the channel, and the fixed texts.

Start with `draft`, then `guardrails` and `formatting`. `brand` is who speaks; `acknowledgements` and `notices` are
sent without a model.
"""
