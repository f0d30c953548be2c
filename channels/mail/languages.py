"""The words by which mail clients in many languages introduce the mail that they quote.

Collected from the clients themselves (Gmail, Outlook, Apple Mail, Thunderbird, Yahoo and others): labels of header
blocks, verbs and openings of "On … wrote:", and the words of separators.
"""

from __future__ import annotations

from typing import Final

FROM: Final = (
    "From", "Von", "De", "Da", "Van", "Från", "Fra", "Lähettäjä", "Od", "Feladó", "Expeditor", "De la", "От",
    "От кого", "Від", "Од", "Из", "Από", "Gönderen", "Kimden", "מאת", "من", "المرسل", "差出人", "送信者", "发件人",
    "寄件者", "寄件人", "發件人", "보낸 사람", "보낸사람", "발신", "Từ", "จาก", "Dari", "Pengirim", "Šalje",
    "Pošiljatelj", "Pošiljalac", "Nuo", "No", "Saatja", "Sūtītājs", "Siuntėjas", "Sendandi", "Frá", "Remitente",
    "Mittente", "Remetente", "Expéditeur", "Absender", "Afzender", "Avsändare", "Afsender", "Avsender", "Nadawca",
    "Odesílatel", "Odosielateľ", "Отправитель", "Подател", "Відправник", "فرستنده", "از", "प्रेषक", "Mula kay",
    "Kepada dari", "Nga", "Kimdən", "Кімнен", "Igorlea", "Nork", "Шаље", "Daripada", "Mula kina", "Kutoka", "প্রেরক",
    "থেকে", "Մեկնարկողը", "Ումից", "გამომგზავნი", "ვისგან", "Ó", "Испраќач",
)  # fmt: skip

DATE: Final = (
    "Sent", "Date", "Gesendet", "Gesendet am", "Datum", "Envoyé", "Envoyé le", "Date d'envoi", "Enviado",
    "Enviado el", "Enviada", "Enviado em", "Enviada em", "Enviat", "Fecha", "Inviato", "Data", "Verzonden",
    "Skickat", "Skickades", "Dato", "Sendt", "Lähetetty", "Päivämäärä", "Päiväys", "Wysłano", "Wysłane",
    "Data wysłania", "Odesláno", "Odoslané", "Dátum", "Küldve", "Elküldve", "Trimis", "Trimis la", "Дата",
    "Отправлено", "Дата отправки", "Надіслано", "Изпратено", "Послато", "Στάλθηκε", "Αποστολή", "Ημερομηνία",
    "Gönderildi", "Gönderme Tarihi", "Tarih", "Gönderilme", "נשלח", "תאריך", "تاريخ الإرسال", "أرسلت", "أرسل",
    "تم الإرسال", "التاريخ", "تاریخ", "ارسال", "送信日時", "送信", "日時", "日付", "发送时间", "发送日期", "日期",
    "傳送時間", "寄件日期", "發送時間", "时间", "寄送日期", "傳送日期", "보낸 날짜", "보낸날짜", "날짜", "발송일",
    "Gửi", "Ngày", "Đã gửi", "Ngày gửi", "ส่ง", "วันที่", "Dikirim", "Terkirim", "Tanggal", "Tarikh", "Poslano",
    "Poslato", "Išsiųsta", "Nosūtīts", "Saadetud", "Kuupäev", "Sent at", "Received", "Sendt den", "Verzonden op",
    "Verstuurd", "Dags", "Sent on", "भेजा गया", "दिनांक", "Datum i vrijeme", "Data e orës",
    "Жіберілді", "Dihantar", "Göndərilib",
    "Ipinadala", "Ilitumwa", "পাঠানো হয়েছে", "প্রেরিত", "Ուղարկվել է",
    "გაგზავნილია", "Испратено", "Εστάλη", "ارسال شده",
)  # fmt: skip

TO: Final = (
    "To", "An", "À", "A", "Pour", "Para", "Aan", "Till", "Til", "Vastaanottaja", "Kenelle", "Do", "Komu",
    "Címzett", "Către", "Catre", "Кому", "Получатель", "До", "За", "Προς", "Kime", "Alıcı", "אל", "אֶל", "إلى",
    "الى", "به", "گیرنده", "宛先", "收件人", "收件者", "받는 사람", "받는사람", "수신", "Đến", "Tới", "ถึง",
    "Kepada", "Ke", "Prima", "Za", "Primatelj", "Kam", "Saaja", "Kellele", "Gavėjas", "Kiekvienam", "Destinatario",
    "Destinataire", "Empfänger", "Ontvanger", "Mottagare", "Odbiorca", "Adresát", "Kuo", "Per a", "Nori", "प्रति",
    "Për", "Кімге", "Kimə", "Primalac", "Прималац", "Adressaat", "Kwa", "প্রতি", "Ում", "ვის", "Примач",
)  # fmt: skip

SUBJECT: Final = (
    "Subject", "Betreff", "Objet", "Sujet", "Asunto", "Oggetto", "Assunto", "Onderwerp", "Ämne", "Emne", "Aihe",
    "Temat", "Předmět", "Predmet", "Tárgy", "Subiect", "Тема", "Относно", "Предмет", "Θέμα", "Konu", "נושא",
    "الموضوع", "موضوع", "件名", "主题", "主旨", "標題", "主題", "标题", "제목", "Chủ đề", "Tiêu đề", "เรื่อง",
    "หัวเรื่อง", "Perihal", "Subjek", "Tema", "Zadeva", "Naslov", "Teema", "Assumpte", "Efni", "Gaia", "विषय",
    "Mövzu", "Subyekt", "Subjekt", "Темa", "Тақырып", "Paksa", "Mada", "বিষয়", "Թեմա", "თემა", "Tēma", "Наслов",
)  # fmt: skip

OTHER: Final = (
    "Cc", "Kopie", "Copie", "Copie à", "Kopia", "Kopi", "CC", "Kopio", "DW", "Másolat", "Másolatot kap", "Копия",
    "Копія", "Κοιν.", "Κοινοποίηση", "Bilgi", "עותק", "نسخة", "抄送", "副本", "참조", "Đồng gửi", "สำเนา",
    "Tembusan", "Bcc", "Cci", "Cco", "Reply-To", "Reply To", "Antwort an", "Répondre à", "Responder a",
    "Rispondi a", "Antwoord aan", "Attachments", "Anlagen", "Pièces jointes", "Adjuntos", "Allegati", "Anexos",
    "Bijlagen", "Bilagor", "Importance", "Wichtigkeit", "Priority", "Priorité", "Priorität", "Importancia",
    "Importância", "Prioriteit", "Organization", "Organisation", "Message-ID", "Mailing List", "Reply-to",
    "Resent-From", "Conversation", "Importanza", "Priorità", "Categories", "Sensitivity", "Vertraulichkeit",
)  # fmt: skip

# A verb that ends, or nearly ends, the line over a quote.
VERBS: Final = (
    "wrote", "writes", "sent", "said", "scribbled", "schrieb", "schrieben", "schreibt", "geschrieben", "a écrit",
    "ont écrit", "écrivait", "écrit", "escribió", "escribio", "escribi[oó]", "ha scritto", "scrive", "scriveva",
    "scrisse", "escreveu", "escreveram", "schreef", "schreven", "geschreven", "skrev", "skreiv", "skrifaði",
    "kirjoitti", "napisał", "napisała", r"napisał\(a\)", "napisali", "pisze", "pisał", "napsal", r"napsal\(a\)",
    "napsala", "napísal", r"napísal\(a\)", "napísala", "napisal", r"napisal\(a\)", r"napisao je", "napisao",
    r"napisao\/la", r"napisala?", "је написао", "je napisao", "piše", "írta", "ezt írta", "következőt írta",
    "a scris", "написал", r"написал\(а\)", "написала", "пишет", "писал", "писала", "писал(?:а|и)?", "сообщил",
    "написа", "написав", r"написав\(ла\)", r"пише", "έγραψε", "έγραψε τα εξής", "yazdı", "şunu yazdı",
    "şunları yazdı", "yazmış", "כתב", "כתבה", r"כתב/ה", "كتب", "كتبت", "نوشت", "đã viết", "viết", "เขียนว่า",
    "ได้เขียนว่า", "เขียน", "menulis", "tulis", "写道", "寫道", "书写", "写", "作成", "のメール", "さんは書きました",
    "書きました", "작성", "쓴 글", "님이 작성", "님이 쓴", "rašė", "parašė", "rakstīja", "kirjutas", "va escriure",
    "ha escrit", "escriuía", "scríobh", "shkroi", "yazıb", "idatzi", "skryf", "het geskryf", "geskryf",
    "aliandika", "sumulat", "लिखा", "ने लिखा",
)  # fmt: skip

# What the line over a quote may begin with.
OPENINGS: Final = (
    "On", "At", "In", "Am", "Um", "Le", "El", "Il", "Em", "No dia", "A", "Op", "Den", "På", "Dne", "Dňa", "Dnia",
    "W dniu", "Vào", "Lúc", "Vào lúc", "Pada", "Tanggal", "Στις", "Την", "Τη", "Στη", "В", "На", "El dia", "Pe",
    "În", "La", "Data", "Dana", "U", "V", "Të", "Dia", "Quoting", "Zitat von", "Citando", "Citat", "Ter",
    "Il giorno", "Nel", "Kuupäeval", "Datums", "于", "於", "在", "בתאריך", "ב", "في", "بتاريخ", "در", "เมื่อ",
    "Tarihinde", "Ar", "Sabtu", "Pada tanggal", "Ngày", "Kl", "Kl.", "Mit Datum", "Vom", "By", "From",
)  # fmt: skip

ORIGINAL_MESSAGE: Final = (
    "Original Message", "Original message", "Original Email", "Original E-mail", "Reply Message", "Reply message",
    "Original Appointment", "Ursprüngliche Nachricht", "Originalnachricht", "Original-Nachricht",
    "Originale Nachricht", "Ursprüngliche Mail", "Antwort Nachricht", "Message d'origine", "Message original",
    "Message initial", "Mensaje original", "Messaggio originale", "Messaggio Originale", "Mensagem original",
    "Mensagem Original", "Oorspronkelijk bericht", "Origineel bericht", "Ursprungligt meddelande",
    "Originalmeddelande", "Oprindelig meddelelse", "Original meddelelse", "Opprinnelig melding",
    "Opprinnelig beskjed", "Alkuperäinen viesti", "Wiadomość oryginalna", "Oryginalna wiadomość",
    "Oryginalna wiadomosc", "Původní zpráva", "Původní e-mail", "Pôvodná správa", "Eredeti üzenet",
    "Mesaj original", "Mesajul original", "Исходное сообщение", "Исходное письмо", "Оригинальное сообщение",
    "Первоначальное сообщение", "Оригінальне повідомлення", "Вихідне повідомлення", "Оригинално съобщение",
    "Αρχικό μήνυμα", "Αρχικό Μήνυμα", "Orijinal Mesaj", "Orijinal İleti", "Orijinal ileti", "Özgün İleti",
    "הודעה מקורית", "الرسالة الأصلية", "رسالة أصلية", "پیام اصلی", "元のメッセージ", "元のメール",
    "オリジナル メッセージ", "オリジナルメッセージ", "Original Message ", "原始邮件", "原始邮件信息", "邮件原件",
    "原始郵件", "原始訊息", "原邮件", "回复的原邮件", "回复的原始邮件", "원본 메시지", "원본 메일", "원본메시지",
    "Thư gốc", "Tin nhắn gốc", "ข้อความต้นฉบับ", "ข้อความเดิม", "Pesan Asli", "Pesan asli", "Mesej asal",
    "Izvorna poruka", "Originalna poruka", "Izvirno sporočilo", "Originalus laiškas", "Pirminis pranešimas",
    "Sākotnējais ziņojums", "Algne sõnum", "Algsõnum", "Algne kiri", "Missatge original", "Upprunaleg skilaboð",
    "Oorspronklike boodskap", "Mesazhi origjinal", "Urspr. Nachricht", "Quoted message", "Previous message",
    "Mail original", "Courriel original", "E-mail original", "E-mail d'origine", "Email d'origine",
    "Correo original", "Mail originale",
)  # fmt: skip

FORWARDED_MESSAGE: Final = (
    "Forwarded message", "Forwarded Message", "Forwarded by", "Weitergeleitete Nachricht", "Weitergeleitete Mail",
    "Message transféré", "Message transmis", "Mensaje reenviado", "Messaggio inoltrato", "Messaggio Inoltrato",
    "Mensagem encaminhada", "Mensagem reencaminhada", "Doorgestuurd bericht", "Vidarebefordrat meddelande",
    "Videresendt meddelelse", "Videresendt melding", "Välitetty viesti", "Edelleenlähetetty viesti",
    "Wiadomość przekazana dalej", "Przekazana wiadomość", "Treść przekazanej wiadomości", "Přeposlaná zpráva",
    "Preposlaná správa", "Továbbított üzenet", "Mesaj redirecționat", "Пересылаемое сообщение",
    "Пересланное сообщение", "Переадресованное сообщение", "Переслане повідомлення", "Препратено съобщение",
    "Προωθημένο μήνυμα", "Yönlendirilmiş Mesaj", "İletilen Mesaj", "Yönlendirilen ileti", "הודעה שהועברה",
    "رسالة معاد توجيهها", "الرسالة المعاد توجيهها", "転送メッセージ", "転送されたメッセージ", "转发的消息",
    "转发邮件信息", "转发邮件", "轉寄郵件", "轉寄訊息", "전달된 메시지", "Thư đã chuyển tiếp", "ข้อความที่ส่งต่อ",
    "Pesan terusan", "Pesan yang diteruskan", "Proslijeđena poruka", "Prosleđena poruka", "Posredovano sporočilo",
    "Persiųstas laiškas", "Pārsūtītais ziņojums", "Edastatud kiri", "Missatge reenviat", "Begin forwarded message",
    "Anfang der weitergeleiteten Nachricht", "Anfang der weitergeleiteten E-Mail", "Début du message réexpédié",
    "Début du message transféré", "Inicio del mensaje reenviado", "Inizio messaggio inoltrato",
    "Inizio del messaggio inoltrato", "Início da mensagem encaminhada", "Início da mensagem reencaminhada",
    "Begin doorgestuurd bericht", "Vidarebefordrat brev", "Start på videresendt besked",
    "Начало переадресованного сообщения", "Początek przekazywanej wiadomości", "İletilmiş mesajın başlangıcı",
    "以下是转发的邮件", "以下為轉寄的郵件", "开始转发的邮件", "下面是被转发的邮件", "전달된 메시지 시작",
    "Začátek přeposílané zprávy", "Továbbított levél kezdete",
)  # fmt: skip

REPLY_ABOVE: Final = (
    "Please type your reply above this line", "Please reply above this line", "Reply above this line",
    "Type your reply above this line", "Write above this line", "Reply ABOVE this line",
    "Write your reply above this line", "Please do not write below this line", "Do not write below this line",
    "Reply above this line to", "Bitte antworten Sie oberhalb dieser Linie",
    "Bitte geben Sie Ihre Antwort über dieser Zeile ein", "Antworten Sie über dieser Zeile",
    "Bitte über dieser Zeile antworten", "Veuillez répondre au-dessus de cette ligne",
    "Répondre au-dessus de cette ligne", "Écrivez au-dessus de cette ligne", "Répondez au-dessus de cette ligne",
    "Por favor, escriba su respuesta por encima de esta línea", "Responda por encima de esta línea",
    "Escriba su respuesta encima de esta línea", "Responder por encima de esta línea",
    "Rispondi sopra questa linea", "Inserire la risposta sopra questa riga", "Responda acima desta linha",
    "Escreva sua resposta acima desta linha", "Digite sua resposta acima desta linha",
    "Typ je antwoord boven deze regel", "Antwoord boven deze lijn", "Beantwoord boven deze regel",
    "Skriv ditt svar ovanför den här raden", "Skriv dit svar over denne linje",
    "Napisz swoją odpowiedź powyżej tej linii", "Пожалуйста, пишите ответ выше этой строки",
    "Введите ответ выше этой строки", "この行より上に返信", "请在此行上方回复", "请在这行上面回复",
    "請在此行上方回覆",
)  # fmt: skip
