"""Questions about a short text; some have no answer in it, and the model then says so."""
from .drills import noun, noun_zh
from .words import DAYS, company, company_zh, due_zh, first_name, full_name, invent, person_zh, place, place_zh
from .wording import pick

COLOURS = "red blue green white black yellow brown grey pink orange silver golden".split()
COLOURS_ZH = "红色 蓝色 绿色 白色 黑色 黄色 灰色 粉色 金色 银色".split()
JOBS = "baker teacher nurse driver designer lawyer cook painter engineer doctor farmer singer writer manager pilot plumber clerk tailor gardener".split()
JOBS_ZH = "老师 医生 护士 司机 设计师 律师 厨师 画家 工程师 农民 歌手 作家 经理 会计 裁缝".split()
PETS = "dog cat horse parrot rabbit goat hen turtle hamster pony".split()
PETS_ZH = "狗 猫 马 鹦鹉 兔子 山羊 乌龟 仓鼠".split()

# fact: (sentences, questions, answer slot). {p} is the person (or thing) that the fact is about.
FACTS = [
    (["{p} lives in {place}.", "{p} {moved to|has a house in|settled in|comes from} {place}.", "{p}'s home is in {place}."], ["where does {p} live", "where is {p}'s home", "in which {town|city|place} does {p} live", "where is {p} from", "what {town|city} does {p} live in"], "place"),
    (["{p} works as a {job}.", "{p} is a {job}.", "{p} earns a living as a {job}."], ["what is {p}'s {job|profession|work|occupation}", "what does {p} do", "what does {p} work as", "what job does {p} have"], "job"),
    (["{p} works at {company}.", "{p} {is employed by|joined|got a job at} {company}."], ["where does {p} work", "{which|what} company does {p} work for", "who employs {p}"], "company"),
    (["{p} has a {pet} called {name}.", "{p}'s {pet} is {called|named} {name}.", "{p} owns a {pet} named {name}."], ["what is {p}'s {pet} called", "what is the name of {p}'s {pet}", "what is the {pet}'s name", "how is the {pet} called"], "name"),
    (["{p} bought {num} {noun}s {at the market|yesterday|last week}.", "{p} {sold|carried|brought|ordered|collected} {num} {noun}s."], ["how many {noun}s did {p} {buy|get|have}", "how many {noun}s are there", "how many {noun}s"], "num"),
    (["{p} has a {colour} {noun}.", "{p} {drives|owns|wears|uses|paints} a {colour} {noun}.", "The {noun} of {p} is {colour}."], ["what colour is {p}'s {noun}", "what color is {p}'s {noun}", "what colour is the {noun}", "which colour does the {noun} have"], "colour"),
    (["{p} is {age} years old.", "{p} turned {age} {this year|in May|last week}."], ["how old is {p}", "what is {p}'s age", "what age is {p}"], "age"),
    (["{p} likes {noun}s.", "{p} {loves|collects|paints|enjoys} {noun}s."], ["what does {p} like", "what does {p} {love|collect|enjoy}"], "noun"),
    (["{p} will {arrive|come|leave|visit} on {day}.", "On {day}, {p} {arrives|leaves}."], ["when will {p} {arrive|come|leave|visit}", "on which day does {p} {arrive|come|leave}", "what day does {p} come"], "day"),
    (["{p} met {other} {in the park|at work|at school}.", "{p} {is married to|is a friend of|travels with|shares a flat with} {other}.", "{p}'s {best friend|sister|brother|neighbour|boss} is {other}."], ["who did {p} meet", "who is {p} {married to|a friend of|travelling with}", "who is {p}'s {best friend|sister|brother|neighbour|boss}", "who is with {p}"], "other"),
    (["{p} speaks {lang}.", "{p} is learning {lang}."], ["{what|which} language does {p} speak", "{what|which} language is {p} learning"], "lang"),
    (["The {noun} costs {num} euros.", "{p} paid {num} euros for the {noun}."], ["how much does the {noun} cost", "what is the price of the {noun}", "how much was the {noun}", "how many euros is the {noun}"], "num"),
    (["The {noun} is in the {box}.", "{p} put the {noun} in the {box}.", "{p} {keeps|hid|left} the {noun} in the {box}."], ["where is the {noun}", "where did {p} put the {noun}", "where can I find the {noun}"], "box"),
    (["The {event} {starts|begins|opens} at {clock}.", "{p} opens the {event} at {clock}."], ["when does the {event} {start|begin|open}", "what time {does the {event} start|is the {event}}".replace("{does the {event} start|is the {event}}", "is the {event}"), "at what time does the {event} start"], "clock"),
]
FACTS_ZH = [
    (["{p}住在{place}。", "{p}{来自|搬到了|的家在}{place}。"], ["{p}住在{哪里|哪儿|哪个城市|什么地方}", "{p}的家在哪里", "{p}来自哪里"], "place"),
    (["{p}是{job}。", "{p}的职业是{job}。", "{p}当{job}。"], ["{p}{是做什么的|做什么工作|的职业是什么|从事什么职业}"], "job"),
    (["{p}在{company}{工作|上班}。", "{p}加入了{company}。"], ["{p}在哪里{工作|上班}", "{p}在哪家公司{工作|上班}"], "company"),
    (["{p}有一只{pet}，{名叫|叫}{name}。", "{p}养了一只{pet}，叫{name}。"], ["{p}的{pet}叫什么{|名字}", "{pet}叫什么{|名字}"], "name"),
    (["{p}{买了|卖了|带来了|收集了}{num}个{noun}。"], ["{p}有{几|多少}个{noun}", "{p}{买|带|卖|收集}了多少个{noun}", "有多少个{noun}"], "num"),
    (["{p}有一个{colour}的{noun}。", "{p}的{noun}是{colour}的。"], ["{p}的{noun}是什么颜色{|的}", "{noun}是什么颜色{|的}"], "colour"),
    (["{p}今年{age}岁。", "{p}{age}岁了。"], ["{p}{多大|几岁|多少岁}{|了}", "{p}今年{多大|几岁}"], "age"),
    (["{p}喜欢{noun}。", "{p}最爱{noun}。"], ["{p}喜欢什么", "{p}{最喜欢|爱}什么"], "noun"),
    (["{p}{due}{到达|出发|回家|来访}。"], ["{p}{什么时候|何时|哪天}{到达|出发|回家|来访|来}"], "due"),
    (["{p}的{朋友|姐姐|哥哥|邻居|同事|老板}是{other}。", "{p}和{other}一起{旅行|吃饭|上班}。"], ["{p}的{朋友|姐姐|哥哥|邻居|同事|老板}是谁", "{p}和谁一起{旅行|吃饭|上班}"], "other"),
    (["{noun}{num}元。", "{p}花{num}元买了{noun}。"], ["{noun}{多少钱|的价格是多少}", "{p}花了多少钱"], "num"),
    (["{noun}在{box}里。", "{p}把{noun}放在{box}里。"], ["{noun}在哪里", "{p}把{noun}放在哪里"], "box"),
]
NOT_SAID, NOT_SAID_ZH = "The text does not say.", "文中没有说。"
LEAD = ["", "", "", "", "Answer the question about the text.", "Read the text and answer.", "Answer from the text:", "Use the text to answer the question.", "Text:", "Context:", "Read this:", "Question about a text.", "Here is a text.", "Please answer the question."]
LEAD_ZH = ["", "", "", "", "根据短文回答问题。", "阅读下文并回答：", "短文：", "阅读：", "请根据文字回答。", "看下面的文字，回答问题。"]
ASK = ["Question: ", "Q: ", "", "", "", "", "Please tell me: ", "Tell me, ", "So, "]
ASK_ZH = ["问题：", "问：", "", "", "", "请问", "请问，", "告诉我，"]
BOXES = "kitchen cellar garden drawer attic garage red box old bag cupboard office shed library".split()
BOXES_ZH = "厨房 抽屉 花园 书包 车库 柜子 办公室 阁楼 盒子".split()


def _fill(rng, template, slots):
    """Slots first become marks, so that `pick` sees only the {a|b} choices."""
    for i, key in enumerate(slots):
        template = template.replace("{" + key + "}", chr(0xE000 + i))
    text = pick(rng, template)
    for i, key in enumerate(slots):
        text = text.replace(chr(0xE000 + i), slots[key])
    return text


def _slots(rng, zh, person, pronoun=None):
    if zh:
        return {"p": person, "place": place_zh(rng), "job": rng.choice(JOBS_ZH), "company": company_zh(rng), "pet": rng.choice(PETS_ZH), "name": noun_zh(rng), "num": str(rng.randint(2, 99)), "noun": noun_zh(rng), "colour": rng.choice(COLOURS_ZH), "age": str(rng.randint(3, 99)), "due": due_zh(rng), "other": person_zh(rng), "box": rng.choice(BOXES_ZH) if rng.random() < 0.6 else noun_zh(rng)}
    return {"p": person, "place": place(rng), "job": rng.choice(JOBS), "company": company(rng), "pet": rng.choice(PETS), "name": first_name(rng), "num": str(rng.randint(2, 99)), "noun": noun(rng), "colour": rng.choice(COLOURS), "age": str(rng.randint(3, 99)), "day": rng.choice(DAYS), "other": first_name(rng), "box": rng.choice(BOXES) if rng.random() < 0.6 else noun(rng),
            "lang": rng.choice(["French", "German", "Spanish", "Chinese", "Polish", "Arabic"]) if rng.random() < 0.6 else invent(rng, 2, 2).capitalize(), "event": rng.choice(["concert", "shop", "market", "museum", "meeting", "film", "class", "play"]), "clock": f"{rng.randint(6, 22)}:{rng.choice(['00', '15', '30', '45'])}"}


def sample(rng, zh=False):
    facts = FACTS_ZH if zh else FACTS
    people = [person_zh(rng) if zh else full_name(rng) if rng.random() < 0.3 else first_name(rng) for _ in range(rng.choice([1, 1, 2, 2, 3]))]
    told, sentences = [], []
    for person in people:
        last = None
        for fact in rng.sample(facts, rng.choice([1, 2, 2, 3, 3]) if len(people) < 3 else rng.choice([1, 2])):
            slots = _slots(rng, zh, person)
            sentence = _fill(rng, rng.choice(fact[0]), slots)
            if last == person and not zh and sentence.startswith(person + " ") and rng.random() < 0.35:
                sentence = rng.choice(["She", "He"]) + sentence[len(person):]
            last = person
            told.append((fact, slots))
            sentences.append(sentence)
    if rng.random() < 0.3:
        rng.shuffle(sentences) if not any(s.startswith(("She ", "He ")) for s in sentences) else None
    if rng.random() < 0.12:   # nothing about this in the text
        fact, slots = rng.choice([f for f in facts if f not in [t[0] for t in told]]), _slots(rng, zh, rng.choice(people))
        answer = NOT_SAID_ZH if zh else NOT_SAID
    else:
        fact, slots = rng.choice(told)
        same = [s for f, s in told if f is fact]
        answer = slots[fact[2]]
    asked = rng.choice(fact[1])
    if answer in slots.values() and len([1 for f, s in told if f is fact]) > 1 and "{p}" not in asked:
        asked = next(q for q in fact[1] if "{p}" in q) if any("{p}" in q for q in fact[1]) else asked
    who = {**slots, "p": slots["p"].split(" ")[0]} if not zh and rng.random() < 0.5 else slots
    question = _fill(rng, asked, who)
    text = ("" if zh else " ").join(sentences)
    ask = rng.choice(ASK_ZH if zh else ASK)
    if not zh and (ask == "" or ask.startswith("Q")) and rng.random() < 0.85:
        question = question[0].upper() + question[1:]
    question = ask + question + rng.choice(["？", "？", "？", ""] if zh else ["?", "?", "?", "?", ""])
    lead = rng.choice(LEAD_ZH if zh else LEAD)
    gap = rng.choice(["\n", "\n\n", "" if zh else " ", "\n"])
    body = f"{question}{gap if question[-1] in '?？' else chr(10)}{text}" if rng.random() < 0.3 else f"{text}{gap}{question}"
    return (lead + rng.choice(["\n", "\n\n", "" if zh else " "]) + body if lead else body), answer
