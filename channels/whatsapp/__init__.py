"""WhatsApp by Twilio. In: `signature`, then `inbound` or `reports`. Out: `sender`, over `api`. Beside them: `media`
fetches files that messages name, `missed` finds messages that a webhook outage missed, `check` looks at a set-up
account. What of it Twilio documents and what nobody can prove is said where it matters, in `sender`."""
