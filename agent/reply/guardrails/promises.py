"""Promises in the six languages of the form: what the FTE would do, what others would, what the customer would get.

It can only answer, so it may promise nothing but what an article says in the very same words. All patterns are for
folded texts: lower case, without accents.
"""

from __future__ import annotations

import re

from agent.reply.guardrails.gates import Gate

_ENGLISH_ANSWERS = (
    r"(?:explain|show you|walk you|help|guide|list|describe|need|assume|point you|point out|answer|be (?:happy|glad))"
)
"""What the FTE does by answering, and may say that it will."""
_ENGLISH_DONE = (
    r"(?:refunded|credited|cancelled|canceled|deleted|upgraded|downgraded|reset|restored|processed|issued|fixed"
    r"|resolved"
    r"|escalated|forwarded|updated your|changed your|activated|extended|applied|removed your|unlocked|waived"
    r"|reactivated"
    r"|transferred|arranged|scheduled|granted|notified|informed|raised|reported|sent you|e-?mailed)"
)
_ENGLISH = (
    r"\b(?:i|we)(?:'ll|'m going to|'re going to|\s+(?:will|shall|am going to|are going to|can now"
    r"|would be happy to now))\s+"
    r"(?:personally\s+|then\s+|now\s+|immediately\s+|definitely\s+|gladly\s+|also\s+|happily\s+|of course\s+"
    r"|certainly\s+)*"
    rf"(?!{_ENGLISH_ANSWERS}\b)[a-z'-]+(?:\s+you)?\b",
    rf"\b(?:i|we)(?:'ve|\s+have)?\s+(?:already\s+|just\s+|now\s+|gone ahead and\s+|successfully\s+)*{_ENGLISH_DONE}\b",
    rf"\b(?:your|the) [a-z ]{{2,40}} (?:has|have) (?:now |already |just )?been {_ENGLISH_DONE}\b",
    r"\b(?:i|we)\s+(?:can\s+|do\s+)?(?:guarantee|promise|assure you|commit)\b|\b(?:guaranteed|rest assured"
    r"|you have my word)\b",
    r"\byou(?:'ll|'re going to|\s+will|\s+are going to|\s+(?:are|will be) (?:entitled to|eligible for)"
    r"|\s+qualify for)\s+"
    r"(?:(?:receive|get|be given|have|see)\s+)?(?:an?\s+|your\s+|the\s+)?(?:full\s+|partial\s+|complete\s+)?"
    r"(?:refund|credit|discount|compensation|reimbursement|voucher|free month|upgrade for free)\b",
    r"\b(?:someone|somebody|our (?:\w+ )?team|a colleague|an? (?:agent|engineer|specialist|representative|manager"
    r"|developer))\s+"
    r"(?:will|is going to|shall)\s+(?:\w+ )?(?:contact|call|get back|reach out|follow up|reply|e-?mail|fix"
    r"|look into|refund)\b",
    r"\b(?:get|getting) back to you\b|\bmoney.?back\b|\bwill be (?:fixed|released|available|refunded|credited"
    r"|resolved|restored"
    r"|shipped|launched) (?:soon|shortly|by|on|in|within|next|this|tomorrow|today)\b|\bwe(?:'re| are) (?:working on"
    r"|planning"
    r"|about to release|releasing)\b|\b(?:coming soon|on (?:our|the) roadmap)\b",
)
_GERMAN = (
    r"\b(?:ich|wir)\s+werden?\b[^.!?\n]{0,60}?\b(?:prufen|melden|kummern|weiterleiten|erstatten|gutschreiben"
    r"|kundigen|loschen"
    r"|beheben|erledigen|kontaktieren|anrufen|informieren|veranlassen|zurucksetzen|freischalten|verlangern|senden"
    r"|schicken"
    r"|sicherstellen|stornieren)\b",
    r"\b(?:ich|wir)\s+(?:kummere|kummern|melde|melden|erstatte|erstatten|schreibe|prufe|prufen|leite|leiten|sorge"
    r"|sorgen)\s+"
    r"(?:mich|uns|ihnen|dir|das|es|ihre|deine|dafur)\b",
    r"\b(?:ich|wir)\s+haben?\b[^.!?\n]{0,60}?\b(?:erstattet|gutgeschrieben|gekundigt|geloscht|zuruckgesetzt"
    r"|weitergeleitet"
    r"|storniert|freigeschaltet|behoben|eskaliert|verlangert|veranlasst|informiert)\b",
    r"\b(?:garantier\w*|verspreche\w*|ich sichere ihnen|versichere ihnen|zugesichert)\b",
    r"\b(?:sie|du)\s+(?:erhalten|bekommen|erhaltst|bekommst)\b[^.!?\n]{0,50}?\b(?:\w*erstattung|gutschrift|rabatt"
    r"|geld zuruck"
    r"|entschadigung)\b",
    r"\b(?:jemand|eine? (?:kolleg\w+|mitarbeiter\w*)|unser team)\s+(?:wird|meldet|kontaktiert|ruft)\b|\bgeld.zuruck\b",
)
_FRENCH = (
    r"\b(?:je|nous)\s+(?:vais|allons)\s+(?:vous\s+|le\s+|la\s+|les\s+)?(?:rembours\w+|verifier|contacter|annuler"
    r"|crediter"
    r"|supprimer|resoudre|transmettre|transferer|relancer|rappeler|reinitialiser|m'en occuper|nous en occuper|enqueter"
    r"|prolonger|envoyer|corriger)\b",
    r"\b(?:je|nous)\s+(?:vous\s+|le\s+|la\s+|les\s+|y\s+|l')?(?:rembours|contact|verifi|annul|credit|supprim"
    r"|transfer|rappell"
    r"|reinitialis|envoi|enverr|corrig|prolong|transmett|resoud|reviend)\w*(?:rai|rons)\b",
    r"\b(?:j'ai|je vous ai|nous avons|nous vous avons)\s+(?:deja\s+|bien\s+)?(?:rembourse|annule|credite|supprime"
    r"|resolu|transmis"
    r"|transfere|reinitialise|prolonge|corrige|escalade)\w*\b",
    r"\b(?:garanti\w*|je (?:vous )?promets|nous (?:vous )?promettons|je m'engage|nous nous engageons)\b",
    r"\bvous (?:recevrez|obtiendrez|allez recevoir|beneficierez)\b[^.!?\n]{0,50}?\b(?:rembours\w+|avoir|reduction"
    r"|remise|credit"
    r"|dedommagement)\b",
    r"\b(?:un collegue|quelqu'un|notre equipe|un conseiller|un agent)\s+(?:va|vous|reviendra)\b",
)
_SPANISH = (
    r"\b(?:voy|vamos)\s+a\s+(?:reembolsar|verificar|revisar|contactar|cancelar|eliminar|borrar|resolver|solucionar"
    r"|enviar|devolver"
    r"|llamar|avisar|investigar|escalar|restablecer|abonar|corregir|ampliar)\w*\b",
    r"\b(?:reembolsar|verificar|revisar|contactar|cancelar|eliminar|resolver|solucionar|enviar|devolver|llamar"
    r"|avisar|investigar"
    r"|restablecer|abonar)(?:e|emos)\b",
    r"\b(?:he|hemos)\s+(?:ya\s+)?(?:reembolsado|cancelado|eliminado|restablecido|enviado|resuelto|escalado|abonado"
    r"|devuelto"
    r"|ampliado|corregido)\b",
    r"\b(?:garantiz\w+|prometo|prometemos|le aseguro|te aseguro|aseguramos)\b",
    r"\b(?:recibira[sn]?|obtendra[sn]?)\b[^.!?\n]{0,50}?\b(?:reembolso|descuento|credito|abono|devolucion"
    r"|compensacion)\b",
    r"\b(?:alguien|un companero|una companera|nuestro equipo|un agente)\s+(?:se|le|te)\s+(?:pondra|contactara|va"
    r"|llamara|escribira)\b",
)
_PORTUGUESE = (
    r"\b(?:vou|vamos|irei|iremos)\s+(?:\w{1,12}\s+)?(?:reembolsar|verificar|contatar|contactar|cancelar|apagar"
    r"|excluir|resolver"
    r"|enviar|devolver|ligar|avisar|investigar|encaminhar|acompanhar|redefinir|creditar|corrigir|estornar)\w*\b",
    r"\b(?:reembolsar|verificar|contatar|cancelar|resolver|enviar|devolver|investigar|encaminhar|creditar"
    r"|estornar)(?:ei|emos)\b",
    r"\b(?:reembolsei|cancelei|apaguei|excluí|exclui|resolvi|enviei|encaminhei|redefini|creditei|estornei|corrigi)\b",
    r"\b(?:garanto|garantimos|prometo|prometemos|asseguro|asseguramos)\b",
    r"\b(?:recebera|vai receber|tera)\b[^.!?\n]{0,50}?\b(?:reembolso|desconto|credito|estorno|compensacao)\b",
    r"\b(?:alguem|um colega|uma colega|nossa equipe|nossa equipa|um agente)\s+(?:vai|ira|entrara)\b",
)
_ARABIC = (
    r"(?<!\w)(?:سنقوم|ساقوم|سوف (?:نقوم|اقوم)|سنعيد|ساعيد|سنرد|سارد|سنتصل|ساتصل|سنلغي|سالغي|سنحذف|ساحذف|سنتحقق"
    r"|ساتحقق|سنراجع"
    r"|سنصلح|ساصلح|سنتواصل|ساتواصل|سنعوض)",
    r"(?<!\w)(?:نضمن|اضمن|اعدك|نعدك|نتعهد)",
    r"(?<!\w)(?:ستحصل|سوف تحصل|ستتلقي|ستستلم)\b[^.!؟\n]{0,50}?(?:استرداد|خصم|تعويض|رصيد)",
    r"(?<!\w)(?:تم|لقد) (?:رد|استرداد|الغاء|حذف|اعادة|الغيت|حذفت|اعدت)",
    r"(?<!\w)سيتواصل (?:معك|معكم)|(?<!\w)سيتصل بك",
)
_FIRST_PERSON = re.compile(r"\b(?:i|we)\b")
_OURS = Gate.of("", _ENGLISH[0], _ENGLISH[1], _ENGLISH[3])
"""Begin with 'I' or 'we'."""
_GATES = (
    Gate.of(
        "been |guarantee|assured|my word|refund|credit|discount|compensat|reimburse|voucher|free month|for free"
        "|someone|somebody"
        "|our |a colleague|agent|engineer|specialist|representative|manager|developer|back to you|money|will be "
        "|working on"
        "|planning|releas|soon|roadmap",
        *_ENGLISH[2:],
    ),
    Gate.of(
        "werde|kummere|melde|erstatt|schreib|pruf|leite|sorge|haben|habe |garantier|versprech|sichere|zugesichert"
        "|erhalt|bekomm"
        "|jemand|kolleg|mitarbeiter|unser team|geld",
        *_GERMAN,
    ),
    Gate.of(
        "vais|allons|rai|rons|j'ai|ai |avons|garanti|promet|engage|recevr|obtiendr|recevoir|benefici|collegue|quelqu'un"
        "|equipe|conseiller|un agent",
        *_FRENCH,
    ),
    Gate.of(
        "voy|vamos|are|aremos|emos|ire|ere|he |garanti|promet|asegur|recibir|obtendr|alguien|companer|equipo|un agente",
        *_SPANISH,
    ),
    Gate.of(
        "vou |vamos|irei|iremos|arei|emos|erei|ei|resolvi|redefini|corrigi|exclui|garant|promet|assegur|receb|tera"
        "|alguem|colega"
        "|equip|um agente",
        *_PORTUGUESE,
    ),
    Gate.of("س|ضمن|اعدك|نعدك|نتعهد|تم|لقد", *_ARABIC),
)


def promises_in(text: str) -> list[str]:
    """The promises of a folded text."""
    ours = _OURS.find(text) if _FIRST_PERSON.search(text) else []
    return ours + [said for gate in _GATES for said in gate.find(text)]
