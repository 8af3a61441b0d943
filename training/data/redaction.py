"""Redact personal data: names, e-mail addresses, phone and ID numbers become tags; all else is copied."""
from .words import (company, company_zh, digits, due, due_zh, first_name, full_name, invent, noun, noun_zh, person_zh, place, place_zh)
from .wording import chinese, english, join, pick

SENTENCES = ["{N} {called|wrote|phoned|visited us|complained|paid|replied} {on|about} {due}.", "{Please contact|Contact|Ask|Call|Write to|Reach} {N} at {E}.", "{You can reach|Reach|Call|Phone|Text} {N} at {P}.", "{Call|Phone|Ring|Text} {P} and ask for {N}.",
             "My name is {N} and my {e-mail|email|email address|address} is {E}.", "{N}'s {phone number|number|mobile} is {P}.", "The {customer|client|guest|patient|user|tenant|student} {N} (ID {I}) {ordered|returned|asked for|bought} {num} {noun}s.", "Send the {noun} to {N} in {place}.", "{N} works at {company}.",
             "{N} lives in {place} and {likes|sells|buys|collects} {noun}s.", "{E} is the {right|new|old} address of {N}.", "{Signed|Regards|Best|Yours|Thanks}, {N}", "{N} and {N} met in {place} on {due}.", "ID: {I}", "Phone: {P}", "Email: {E}", "Name: {N}", "Customer {I} has paid {num} euros.", "I am {N}, {call|phone|text} me on {P}.", "Dear {N},", "Hi {N},",
             "{N} will {pick up|bring|send} the {noun} {on|by} {due}.", "Forward it to {E} {or|and} {E}.", "If {nobody answers|it is urgent}, {dial|call|try} {P}.", "My {passport|ID|card|account|customer} number is {I}.", "{N}, {num}, from {place}, {E}, {P}", "We met {N} from {company} {yesterday|today|last week}."]
PLAIN = ["The {noun} arrived on {due}.", "The {meeting|party|trip} is in {place}.", "It cost {num} euros.", "{company} has {num} {shops|offices|trucks}.", "Thank you very much.", "The order was {late|wrong|fine}."]
SENTENCES_ZH = ["{N}{打来电话|来信|投诉|付款|回复|预约}了。", "请{联系|咨询|致电|找}{N}，电话{P}。", "{N}的{电话|手机|手机号|联系电话}是{P}。", "{N}的{邮箱|电子邮件|邮件地址}是{E}。", "我叫{N}，{邮箱|邮件}是{E}。", "我是{N}，{电话|手机}{P}。", "{客户|患者|学生|用户|租客}{N}（{身份证|证件号|编号|身份证号}{I}）{订购|退回|购买}了{num}个{noun}。", "把{noun}寄给{place}的{N}。",
                "{N}在{company}{工作|上班}。", "{N}住在{place}，{喜欢|出售|收集}{noun}。", "{N}和{N}{due}在{place}见面。", "姓名：{N}", "电话：{P}", "邮箱：{E}", "身份证号：{I}", "{如有问题|如有疑问|紧急情况}请{拨打|打}{P}。", "资料请发到{E}。", "{N}{due}会{来取|送来}{noun}。", "我的{身份证号|证件号|护照号|卡号}是{I}。", "{company}的{N}{昨天|今天|上周}来了。", "尊敬的{N}："]
PLAIN_ZH = ["{noun}{due}到货。", "会议在{place}举行。", "一共{num}元。", "非常感谢。", "{company}有{num}家{门店|分店}。"]

WORDINGS = ["{redact|remove|hide|mask|black out|anonymise|anonymize|censor|blank out|replace|take out|strip out|scrub|cover} {the|all|any|all the} {personal data|personal information|private data|private information|personal details|PII|sensitive data|identifying details|names and contact details|names, emails and phone numbers|private details} {in|from|of} {this|the|my|the following|this little|our} {text|message|mail|email|note|letter|passage|paragraph|letter below|text below|memo}",
            "{redact|anonymise|anonymize|censor|de-identify|sanitise|mask|clean} {this|this text|the text|the following|the following text|the message below|this message|this letter|this email|it|the note}{| so that nobody can be identified| before I share it| for publication|, personal data out}",
            "{redact|redaction|anonymise|remove personal data|hide personal data|redact personal data|PII removal}", "{replace|swap} {names, emails and phone numbers|personal data|names and numbers|all personal data|the private bits} {with|by|for} {tags|placeholders|labels}{| in this text| in this message| below}",
            "{make|keep} this {text|message|letter|note} {anonymous|private|safe to share|free of personal data}", "{hide|mask|remove} {who|the people} {is|named} in this {text|message}", "{hide|cover up|delete|remove} {the|all} {names|names and emails|names and phone numbers|contact details|phone numbers and names}{| in this| here| below| in the text}"]
WORDINGS_ZH = ["{隐去|去掉|删除|遮盖|隐藏|屏蔽|抹去|替换|去除|遮住|打码}{下面|这段话|这段文字|以下内容|这封信|文本|这条消息|下文}{中的|里的}{个人信息|隐私信息|个人数据|隐私|敏感信息|私人信息|姓名和联系方式|姓名、电话和邮箱}", "{对|给}{下面|这段|以下}{内容|文字|文本|消息}{进行|做}{脱敏|匿名|匿名化|脱敏处理|匿名处理}", "{脱敏|匿名化|去除个人信息|个人信息脱敏|隐私处理|隐去个人信息}",
               "把{这段话|下面的文字|这段文字|以下内容|文中}{里的|中的|的}{个人信息|隐私信息|姓名和电话|个人数据|人名和联系方式}{换成标签|去掉|隐去|遮住|删掉|替换掉|打码|隐藏起来}", "让这段{话|文字}{匿名|不含个人信息}"]


def email(rng, name=None):
    user = rng.choice([first_name(rng).lower(), invent(rng, 1, 3), invent(rng, 1, 2) + "." + invent(rng, 2, 2), invent(rng, 1, 2) + digits(rng, 2), first_name(rng).lower() + "_" + invent(rng, 1, 2), "info", first_name(rng)[0].lower() + "." + invent(rng, 2, 3)])
    host = rng.choice(["example", "mail", "gmail", "outlook", "post", "qq", "163", invent(rng, 2, 3), invent(rng, 2, 3), invent(rng, 1, 2) + "-" + invent(rng, 1, 2)])
    return f"{user}@{host}.{rng.choice(['com', 'org', 'net', 'de', 'io', 'cn', 'co.uk', 'eu', 'fr', 'edu'])}"


def phone(rng, zh=False):
    if zh and rng.random() < 0.8:
        return rng.choice([lambda: "1" + digits(rng, 10), lambda: f"1{digits(rng, 2)}-{digits(rng, 4)}-{digits(rng, 4)}", lambda: f"0{digits(rng, 2)}-{digits(rng, 8)}", lambda: f"+86 1{digits(rng, 10)}"])()
    return rng.choice([lambda: f"+{rng.randint(1, 99)} {digits(rng, 3)} {digits(rng, 4)}", lambda: f"({digits(rng, 3)}) {digits(rng, 3)}-{digits(rng, 4)}", lambda: f"{digits(rng, 3)}-{digits(rng, 4)}", lambda: f"{digits(rng, 3)}-{digits(rng, 3)}-{digits(rng, 4)}",
                       lambda: f"0{digits(rng, 3)} {digits(rng, 6)}", lambda: f"+{rng.randint(1, 99)} {digits(rng, 2)} {digits(rng, 3)} {digits(rng, 3)}", lambda: f"555-{digits(rng, 4)}", lambda: f"+{rng.randint(1, 99)}-{digits(rng, 3)}-{digits(rng, 3)}-{digits(rng, 4)}"])()


def identity(rng, zh=False):
    if zh and rng.random() < 0.5:
        return digits(rng, 17) + rng.choice("0123456789X")
    return rng.choice([lambda: f"{rng.choice('ABCDEFGHKLMNPRSTXYZ')}{digits(rng, rng.randint(5, 8))}", lambda: f"{rng.choice('ABCDKX')}{rng.choice('ABCDKX')}-{digits(rng, 5)}", lambda: f"{digits(rng, 3)}-{digits(rng, 2)}-{digits(rng, 4)}" if not zh else digits(rng, 9), lambda: f"{rng.choice('ABCEK')}{rng.choice('ABCEK')}{digits(rng, 6)}"])()


def _line(rng, template, zh):
    """Build a sentence and its redacted twin in one go."""
    text = redacted = ""
    rest = template
    makers = {"N": lambda: person_zh(rng) if zh else rng.choice([full_name, full_name, first_name])(rng), "E": lambda: email(rng), "P": lambda: phone(rng, zh), "I": lambda: identity(rng, zh)}
    plain = {"due": due_zh if zh else due, "place": place_zh if zh else place, "noun": noun_zh if zh else noun, "company": company_zh if zh else company, "num": lambda r: str(r.randint(2, 400))}
    tags = {"N": "[NAME]", "E": "[EMAIL]", "P": "[PHONE]", "I": "[ID]"}
    while "{" in rest:
        head, rest = rest.split("{", 1)
        field, rest = rest.split("}", 1)
        if field in makers:
            value, tag = makers[field](), tags[field]
        else:
            value = tag = plain[field](rng) if field in plain else rng.choice(field.split("|"))
        text, redacted = text + head + value, redacted + head + tag
    return text + rest, redacted + rest


def sample(rng, zh=False):
    count = rng.choice([1, 1, 2, 2, 3, 4])
    private, plain = (SENTENCES_ZH, PLAIN_ZH) if zh else (SENTENCES, PLAIN)
    lines = [_line(rng, rng.choice(plain if rng.random() < 0.18 else private), zh) for _ in range(count)]
    glue = "\n" if any(text[-1] not in ".。" for text, _ in lines) or rng.random() < 0.2 else "" if zh else " "
    request = chinese(rng, pick(rng, rng.choice(WORDINGS_ZH))) if zh else english(rng, pick(rng, rng.choice(WORDINGS)))
    return join(rng, request, glue.join(t for t, _ in lines), zh), glue.join(r for _, r in lines)
