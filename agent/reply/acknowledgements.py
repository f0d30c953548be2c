"""What a customer is told when their conversation goes to a person: why, in the channel's manner, no promises."""

from __future__ import annotations

from agent.records import Channel, ReasonCode

_WHY = {
    ReasonCode.PRICING_INQUIRY: "Prices and plans are a matter for a colleague who can look at your case",
    ReasonCode.REFUND_REQUEST: "Refunds and charges are decided by a colleague, not by me",
    ReasonCode.LEGAL_ISSUE: "Legal and data protection matters are handled by a colleague with that responsibility",
    ReasonCode.CANCELLATION_REQUEST: "Cancelling or closing an account is done by a colleague, together with you",
    ReasonCode.SECURITY_CONCERN: "Anything that touches the security of your account goes to a colleague at once",
    ReasonCode.ABUSIVE_LANGUAGE: "A colleague will take it from here",
    ReasonCode.CUSTOMER_REQUESTED: "You asked for a person, so a colleague will take it from here",
    ReasonCode.TECHNICAL_EMERGENCY: "This sounds serious, so a colleague will look into it with priority",
    ReasonCode.CHURN_RISK: "A colleague would like to hear this from you in person",
    ReasonCode.NEGATIVE_SENTIMENT: "My answers have not helped you so far, so a colleague will take it from here",
    ReasonCode.KNOWLEDGE_GAP: "I do not know the answer, and I would rather not guess, so I have asked a colleague",
    ReasonCode.TOOL_FAILURE: "I could not work out an answer this time, so a colleague will take it from here",
    ReasonCode.POLICY_RESTRICTION: "This is something that a colleague has to answer",
    ReasonCode.TAKEN_OVER: "A colleague has taken over",
    ReasonCode.UNHAPPY_SILENCE: "A colleague looks whether my answer has helped you",
    ReasonCode.UNPROVEN_SENDER: "A colleague reads your message",
    ReasonCode.NOT_SOLVED: "This is not solved yet, so a colleague will take it from here",
    ReasonCode.UNPROVEN_SENDER: "A colleague reads your message",
}
_SORRY = frozenset(
    {
        ReasonCode.TECHNICAL_EMERGENCY,
        ReasonCode.CHURN_RISK,
        ReasonCode.NEGATIVE_SENTIMENT,
        ReasonCode.SECURITY_CONCERN,
        ReasonCode.TOOL_FAILURE,
    }
)


def acknowledgement(reason: ReasonCode, channel: Channel, away: str = "") -> str:
    """The body of the reply; greeting, signature and ticket come with the formatting.

    `away` says when people are back, as `agent.reply.absence.away_notice` has it.
    """
    why = _WHY[reason]
    if channel is Channel.WHATSAPP:
        sorry = "Sorry about this! " if reason in _SORRY else ""
        return f"{sorry}{why}. They have our whole chat and will reply to you here.{away and f' {away}'}"
    sorry = "I am sorry for the trouble. " if reason in _SORRY else ""
    where = "to this e-mail" if channel is Channel.EMAIL else "here"
    return (
        f"Thank you for your message. {sorry}{why}. They have the whole conversation, so you do not need to repeat "
        f"anything, and they will reply {where}.{away and f' {away}'} If you would like to add something, simply "
        "write back."
    )
