"""What must not reach a customer. A reply that breaks a rule goes to a person instead (invariant 9).

Start with `check`: the order of the rules. Each of the others is one concern: `sources` (what a reply may repeat),
`support` (statement by statement), `names`, `amounts`, `money`, `dates`, `links`, `promises`, `topics`, `leaks`,
`conduct`, `reply_language`. The rules compare a draft with its sources: what the customer or an article said may be
repeated; what appears from nowhere may not.
"""

from agent.reply.guardrails.check import Checked, check_reply, check_subject
from agent.reply.guardrails.rules import Rule, Violation

__all__ = ["Checked", "Rule", "Violation", "check_reply", "check_subject"]
