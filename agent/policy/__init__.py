"""When a conversation goes to a person, to which team and how urgently: rules by wording and by meaning.

Start with `policy`, which judges a message; `rules` is the file of rules as data, `meaning` the classifier over its
exemplars, `moods` anger that no word gives away, `sentences` how a message is taken apart for both. A turn sees it as
`EscalationRules` of `turn.services`.
"""
