"""Text → JSON: five kinds of record, told in prose or as loose fields."""
import json

from .redaction import email, phone
from .words import (MONTHS, company, company_zh, first_name, full_name, invent, noun, noun_zh, person_zh, place, place_zh)
from .wording import chinese, english, join, pick

# kind → (templates, {slot: key}); the order of the keys is the order in the JSON.
EN = {
    "person": (["{name} is {age} years old and lives in {city}.", "{name}, {age}, {city}", "{name}, {age} years old, from {city}", "My name is {name}, I am {age} and I live in {city}.", "Name: {name}, age: {age}, city: {city}", "In {city} lives {name}, aged {age}.", "{name} ({age}) comes from {city}.", "I'm {name} from {city}, {age} years old."], ["name", "age", "city"]),
    "contact": (["{name} can be reached at {email} or {phone}.", "{name}, {email}, {phone}", "{name}'s email is {email} and the phone number is {phone}.", "Write to {name} at {email} or call {phone}.", "Contact: {name}, phone {phone}, mail {email}", "Name: {name}\nEmail: {email}\nPhone: {phone}"], ["name", "email", "phone"]),
    "order": (["{customer} ordered {quantity} {item}s for {price} euros.", "{customer} bought {quantity} {item}s at {price} euros.", "Order: {quantity} {item}s, {price} euros, for {customer}", "{quantity} {item}s for {customer}, price {price}", "{customer} wants {quantity} {item}s and pays {price} dollars.", "Please send {quantity} {item}s to {customer}, total {price} euros."], ["customer", "item", "quantity", "price"]),
    "event": (["The {event} takes place on {date} in {place}.", "{event}, {date}, {place}", "On {date} there is a {event} in {place}.", "Join us for the {event} in {place} on {date}.", "Event: {event}, date: {date}, place: {place}", "The {event} is in {place} on {date}."], ["event", "date", "place"]),
    "job": (["{name} works as a {job} at {company}.", "{name} is a {job} at {company}.", "{name}, {job}, {company}", "{company} hired {name} as a {job}.", "Name: {name}, job: {job}, company: {company}", "At {company}, {name} is the {job}."], ["name", "job", "company"]),
    "book": (["{title} was written by {author} in {year}.", "{author} wrote {title} in {year}.", "{title} by {author} ({year})", "Title: {title}, author: {author}, year: {year}", "The book {title} by {author} came out in {year}."], ["title", "author", "year"]),
}
ZH = {
    "person": (["{姓名}今年{年龄}岁，住在{城市}。", "{姓名}，{年龄}岁，{城市}人", "我叫{姓名}，今年{年龄}岁，来自{城市}。", "姓名：{姓名}，年龄：{年龄}，城市：{城市}", "{城市}的{姓名}今年{年龄}岁。"], ["姓名", "年龄", "城市"]),
    "contact": (["{姓名}的电话是{电话}，邮箱是{邮箱}。", "联系人{姓名}，电话{电话}，邮箱{邮箱}", "姓名：{姓名}，电话：{电话}，邮箱：{邮箱}", "找{姓名}请打{电话}或发邮件到{邮箱}。"], ["姓名", "电话", "邮箱"]),
    "order": (["{客户}订购了{数量}个{商品}，共{价格}元。", "{客户}买了{数量}个{商品}，花了{价格}元。", "订单：{商品}{数量}个，{价格}元，客户{客户}", "{客户}要{数量}个{商品}，价格{价格}元。"], ["客户", "商品", "数量", "价格"]),
    "event": (["{活动}将于{日期}在{地点}举行。", "{日期}在{地点}有{活动}。", "活动：{活动}，日期：{日期}，地点：{地点}", "欢迎{日期}来{地点}参加{活动}。"], ["活动", "日期", "地点"]),
    "job": (["{姓名}在{公司}担任{职位}。", "{姓名}是{公司}的{职位}。", "{公司}聘请{姓名}为{职位}。", "姓名：{姓名}，职位：{职位}，公司：{公司}"], ["姓名", "职位", "公司"]),
}
JOBS = "baker teacher nurse driver designer lawyer cook painter engineer doctor farmer singer writer manager pilot plumber clerk tailor".split()
JOBS_ZH = "老师 医生 护士 司机 设计师 律师 厨师 画家 工程师 农民 歌手 作家 经理 会计 编辑 裁缝".split()
EVENTS = ["concert", "market", "meeting", "workshop", "festival", "conference", "picnic", "parade", "auction", "book fair", "race", "party"]
EVENTS_ZH = "音乐会 市集 会议 讲座 电影节 展览 野餐 运动会 拍卖会 书展 比赛 晚会".split()

WORDINGS = ["{turn|convert|change|transform|make|put|parse|translate} {this|the|this text|the following|the text|this sentence|the sentence below|this line|the following text|this information|this record} {into|to} {JSON|json|a JSON object|valid JSON|JSON format|a JSON record|one JSON object}", "{give me|write|return|output|produce|create|make|generate|show} {JSON|the JSON|a JSON object|JSON output|json} {for|from|of} {this|this text|the text|the following|the sentence|the data below|these facts}",
            "{extract|get|pull|collect|pull out} {the|all} {data|fields|facts|details|information|key facts|values} {from this|from the text|from this sentence|below|in this} {as|in|into|to} {JSON|a JSON object|json}", "{text to JSON|to JSON|JSON please|as JSON|JSON|json|JSON:|text -> json}", "{represent|write|express|store|save|format|encode|structure} {this|the text|the following|it|this sentence|this data} {as|in} {JSON|json|a JSON object}", "{I need|I want} {this|the text|the following} {as|in} {JSON|json}"]
WORDINGS_ZH = ["把{下面的|这段|这句|以下|这|}{文字|文本|话|内容|信息|句子}{转成|变成|转换成|转换为|改成|整理成|写成|做成|转为|变为}{JSON|json|JSON格式|JSON 格式|JSON对象}", "{文本转JSON|转JSON|转成JSON|JSON|用JSON表示|用JSON格式输出|输出JSON}", "{提取|抽取|整理|归纳}{下面|这段话|以下|文中|这句话}的{信息|数据|字段|内容}，{输出|用|返回|写成|生成}{JSON|json|JSON格式}", "用JSON{表示|写出|输出|描述}{这段话|下面的内容|这句话|以下信息|下面的信息}", "生成{下面|这段话|以下内容}的JSON"]


def _value(rng, slot):
    numbers = {"age": (5, 99), "quantity": (2, 99), "price": (3, 999), "year": (1850, 2030), "年龄": (5, 99), "数量": (2, 99), "价格": (3, 999)}
    if slot in numbers:
        return rng.randint(*numbers[slot])
    date = f"{rng.randint(1, 28)} {rng.choice(MONTHS)}" if rng.random() < 0.6 else f"{rng.choice(MONTHS)} {rng.randint(1, 28)}"
    return {
        "name": lambda: full_name(rng) if rng.random() < 0.6 else first_name(rng), "author": lambda: full_name(rng), "customer": lambda: full_name(rng) if rng.random() < 0.5 else first_name(rng), "city": lambda: place(rng), "place": lambda: place(rng), "email": lambda: email(rng), "phone": lambda: phone(rng),
        "item": lambda: noun(rng), "event": lambda: rng.choice(EVENTS) if rng.random() < 0.6 else f"{invent(rng, 2, 2)} {rng.choice(EVENTS)}", "date": lambda: date, "job": lambda: rng.choice(JOBS) if rng.random() < 0.7 else invent(rng, 2, 2), "company": lambda: company(rng),
        "title": lambda: rng.choice([f"The {noun(rng)} {noun(rng)}", f"{invent(rng, 2, 3).capitalize()}", f"The {noun(rng).capitalize()} of {place(rng)}"]),
        "姓名": lambda: person_zh(rng), "客户": lambda: person_zh(rng), "城市": lambda: place_zh(rng), "地点": lambda: place_zh(rng), "电话": lambda: phone(rng, True), "邮箱": lambda: email(rng), "商品": lambda: noun_zh(rng), "公司": lambda: company_zh(rng),
        "活动": lambda: rng.choice(EVENTS_ZH), "日期": lambda: f"{rng.randint(1, 12)}月{rng.randint(1, 28)}日", "职位": lambda: rng.choice(JOBS_ZH),
    }[slot]()


def _render(rng, zh, kind=None):
    kinds = ZH if zh else EN
    templates, keys = kinds[kind] if kind else rng.choice(list(kinds.values()))
    record = {key: _value(rng, key) for key in keys}
    text = rng.choice(templates)
    if rng.random() < 0.2:   # loose fields in any order still give the same keys in the same order
        order = rng.sample(keys, len(keys))
        text = rng.choice(["\n", ", " if not zh else "，", "; " if not zh else "；"]).join(f"{{x}}{key}{'：' if zh else ': '}\x01{key}\x02".replace("{x}", "") for key in order)
        for key in keys:
            text = text.replace(f"\x01{key}\x02", str(record[key]))
        return text, record
    for key in keys:
        text = text.replace("{" + key + "}", "\x01" + key + "\x02")
    for key in keys:
        text = text.replace("\x01" + key + "\x02", str(record[key]))
    return text, record


def order(rng):
    """One order in English: "12 boos" is the item "boo", however the invented word ends."""
    text, record = _render(rng, False, "order")
    return join(rng, english(rng, pick(rng, rng.choice(WORDINGS))), text, False), json.dumps(record, ensure_ascii=False)


def sample(rng, zh=False):
    if rng.random() < 0.15:
        parts = [_render(rng, zh) for _ in range(2)]
        keys = list(parts[0][1])
        if list(parts[1][1]) == keys:
            text, answer = "\n".join(p[0] for p in parts), json.dumps([p[1] for p in parts], ensure_ascii=False)
        else:
            text, answer = parts[0][0], json.dumps(parts[0][1], ensure_ascii=False)
    else:
        text, record = _render(rng, zh)
        answer = json.dumps(record, ensure_ascii=False)
    request = chinese(rng, pick(rng, rng.choice(WORDINGS_ZH))) if zh else english(rng, pick(rng, rng.choice(WORDINGS)))
    return join(rng, request, text, zh), answer
