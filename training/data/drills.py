"""Sorting, sums, look-ups and repetition: the tasks that need a working or pure copying.

Sums and sorting write their working out. A model of this size cannot add two
numbers or order six words in its head, but it can do one column, or compare
one letter, at a time.
"""
from .words import FIRST, NOUNS, company, digits, first_name, han, invent, noun, noun_zh, person_zh, place
from .wording import chinese, english, join, pick

SORT = ["{what is|give me|I need|show} the {alphabetical|alphabetic|dictionary} order of {these|the|my} {words|names|items|terms}", "{my|this|the} {list|shopping list|word list|guest list} is {mixed up|not in order|a mess}, {sort it|please sort it|order it alphabetically|put it in order|fix the order}", "{make|turn} {this|these words|my list} {into an alphabetical list|alphabetical|sorted}", "{from A to Z|A-Z|alphabetically|in ABC order}", "{sort|order|arrange|alphabetise|alphabetize|rank|put in order|organise} {these|the|the following|my|all these|those} {words|names|items|terms|words below}{| alphabetically| in alphabetical order| from A to Z| by alphabet| a-z| A to Z}", "{put|list|write|give|bring|arrange} {these|the|the following|my} {words|names|items|terms} in {alphabetical|alphabetic|ABC|A-Z|the right alphabetical|dictionary} order",
        "{sort|sort this|sort these|alphabetical order|alphabetise|sort words|sort the list|order alphabetically|sort it}", "{sort|order|alphabetise} {this|the|my} {list|word list|list of words|shopping list}{| alphabetically| from A to Z|}", "{which order|what order} do these {words|names} have in {a dictionary|the alphabet}?"]
SORT_ZH = ["{给|将|把}{下列|这些|这几个}{单词|词|英语词}{排个序|排序|按字母排好|按A到Z排列|重新排列}", "{这些|下面的}{单词|词}的字母顺序是什么", "把{这些|下面的|以下|}{单词|词|英文单词|词语|英语单词}按{字母|字母表|字母顺序|英文字母顺序|字典顺序|A到Z}{排序|排列|排好|排一下}", "{按字母顺序排列|单词排序|给单词排序|给这些单词排序|排序|将下列单词按字母排序|字母排序}"]
ADD = ["{my bill|my order|the trip|the basket|the invoice} {has|shows|is} {a} and {b}{| euros| dollars}. {What is the total|How much in all|What do I pay|Total|Please add them|Sum}", "{we|they|you} {had|counted|sold|saw} {a} {birds|cars|tickets|guests} and then {b}{| more}. {How many|How many in total|What is the sum|Add them up}", "{add up|put together|combine} {a} {and|plus|with} {b}", "{a} {and|plus} {b} {is|makes|gives|equals} {what|how much}", "{tell me what|say what|do you know what|I wonder what} {a} {plus|and|+} {b} {is|makes|gives|comes to}", "the {total|result|answer} of {a} {+|plus} {b}", "{what is|what's|how much is|calculate|compute|work out|tell me|find|solve|what do you get for|what makes|do you know} {a} {+|plus|+|and} {b}", "{add|sum up|sum|total} {a} and {b}", "{a} {+|plus} {b}", "{a} + {b} =", "{a}+{b}", "{a}+{b}=", "{a} + {b} = ?", "{the sum of|sum of|what is the sum of|give me the sum of|what is the total of|find the sum of} {a} and {b}", "{add|plus} {b} to {a}", "{what|how much} is {a} added to {b}", "{if I|when I} add {a} {and|to} {b}, what {do I get|is the result|is the sum}",
       "I have {a} {apples|coins|books|euros|stamps} and {get|buy|find|receive} {b} more. How many {do I have|are there|is that}{| now| in total}", "how many are {a} and {b}{| together}"]
ADD_ZH = ["{a}{与|和}{b}{的总和|的和|加在一起|合计}{|是多少|是几|呢}", "{早上|昨天|第一次}{卖出|来了|花了}{a}{个|人|元}，{下午|今天|第二次}{b}{个|人|元}，{一共|总共|合计}{多少|是多少}", "{把|将}{a}和{b}{相加|加起来}", "{a}加上{b}{得多少|得几|结果是什么}", "{a}{加|加上|+| + }{b}{等于|是}{多少|几}", "{计算|算|算一下|请算|求}{a}{+|加| + }{b}", "{a}+{b}=", "{a} + {b}", "{a}和{b}{的和是多少|相加等于多少|一共是多少|加起来是多少}", "{a}{加|+}{b}", "求{a}与{b}的和", "我有{a}{个苹果|本书|元}，又{买了|得到|收到}{b}{个|本|元}，一共有多少"]
REPEAT = ["{repeat|copy|echo|say|write|print|type} {this|the following|this text|after me|exactly this|this line|the text}", "{say|write} it again", "{repeat|echo}"]
REPEAT_ZH = ["{重复|复述|照抄|跟我说|抄写|再说一遍}{这句话|下面的话|以下内容|这段文字|}"]
ASK_KEY = ["what is {k}", "{what is the value of|give me the value of|look up|value of|find|what does the list say for|tell me the value for|which value has|what belongs to} {k}", "{k}?", "{k} =", "{what|which value|which entry} {is next to|stands for|is listed for|goes with|is stored under|is given for} {k}", "{read|check|use|see} the {list|table|settings|config|data} {and say|and give me|: } what {k} is", "what does {k} {equal|stand for|have|map to|point to}", "{show|return|print|name|report} the {entry|value|setting} {for|of|named|called} {k}", "{I need|I want to know|say|I am looking for} {k}", "how {much|many|high} is {k}", "{k}'s value", "the value {of|for|under} {k}"]
ASK_KEY_ZH = ["{k}的{值|数值|内容|结果}{|呢|是哪个}", "{列表|表|上面|清单}{里|中}{k}{是什么|是哪个|写着什么|的值}", "{看看|读出|返回|说出}{k}{|的值|的内容}", "{k}{有多少|几个|等于几|呢}", "{k}{是什么|是多少|的值是什么|对应什么|等于什么}", "{查一下|查找|找出|告诉我}{k}{|的值}"]


def sort_words(rng, zh=False):
    """Spell the first letters of each word, put the spellings in order, then give the words."""
    words, count = [], rng.choice([2, 3, 3, 4, 4, 5, 5, 6, 6])
    stem = invent(rng, 1, 1)[:2] if rng.random() < 0.25 else None
    names = rng.random() < 0.15
    while len(words) < count:
        word = (first_name(rng) if names else noun(rng)).lower()
        if stem and rng.random() < 0.4 and len(stem) == 2:
            word = stem[:rng.choice([1, 2])] + word
        if len(word) >= 3 and word[:3] not in [w[:3] for w in words]:
            words.append(word)
    if names:
        words = [w.capitalize() for w in words]
    spelled = [f"{' '.join(w[:3].lower())} {w}" for w in words]
    ordered = sorted(words, key=str.lower)
    working = "; ".join(spelled) + "\n" + "; ".join(f"{' '.join(w[:3].lower())} {w}" for w in ordered)
    text = rng.choice([", ", ", ", ", ", " ", "\n", "; ", "，" if zh else ", ", "、" if zh else " / ", "\n- "]).join(words)
    request = chinese(rng, pick(rng, rng.choice(SORT_ZH))) if zh else english(rng, pick(rng, rng.choice(SORT)))
    user = join(rng, request, text, zh)
    if "\n- " in user:
        user = user.replace(text, "- " + text)
    return user, f"{working}\nSorted: {', '.join(ordered)}"


def add(rng, zh=False):
    """Column by column, always with the carry written, so that each step is one small fact."""
    top = rng.choice([9, 20, 99, 99, 99, 99, 99])
    a, b = rng.randint(0, top), rng.randint(0, rng.choice([top, top, 99]))
    if rng.random() < 0.5:
        a, b = b, a
    template = rng.choice(ADD_ZH if zh else ADD).replace("{a}", "\x01").replace("{b}", "\x02")
    if template.index("\x02") < template.index("\x01"):   # the working keeps the order of the question
        template = template.replace("\x01", "\x03").replace("\x02", "\x01").replace("\x03", "\x02")
    question = pick(rng, template).replace("\x01", str(a)).replace("\x02", str(b))
    if zh:
        user = rng.choice(["", "", "", "请问", "请", "帮我算", "你好，", "请告诉我，"]) + question + ("？" if rng.random() < 0.5 and question[-1] != "=" else "")
    else:
        user = rng.choice(["", "", "", "", "Please ", "Can you ", "Hi, ", "Quick question: ", "Hey, ", "Could you please "]) + question
        user = (user[0].upper() + user[1:] if rng.random() < 0.7 else user) + ("?" if rng.random() < 0.5 and user[-1] not in "=?" else "")
    ones = a % 10 + b % 10
    carry = ones // 10
    steps = f"{a % 10} + {b % 10} = {ones}, write {ones % 10} carry {carry}; "
    tens = a // 10 + b // 10 + carry
    steps += f"{a // 10} + {b // 10} + {carry} = {tens}"
    return user, f"{a} + {b}: {steps}. {'答案：' if zh else 'Answer: '}{a + b}"


def lookup(rng, zh=False):
    count, kind = rng.randint(2, 8), rng.random()
    make_key = (lambda: noun_zh(rng) if zh else noun(rng)) if kind < 0.5 else (lambda: person_zh(rng) if zh else first_name(rng)) if kind < 0.75 else (lambda: f"{invent(rng, 1, 2)}_{noun(rng)}" if rng.random() < 0.5 else invent(rng, 1, 2) + str(rng.randint(1, 99)))
    make_value = rng.choice([lambda: noun(rng), lambda: str(rng.randint(1, 9999)), lambda: place(rng), lambda: noun_zh(rng) if zh else company(rng), lambda: digits(rng, 2) + "." + digits(rng, 1), lambda: invent(rng, 2, 3)])
    table = {}
    while len(table) < count:
        table[make_key()] = make_value()
    key = rng.choice(list(table))
    glue = rng.choice([" = ", " = ", "=", ": ", " -> ", "："] if zh else [" = ", " = ", " = ", "=", ": ", " -> "])
    text = rng.choice(["\n", "\n", "\n", "; ", ", "]).join(f"{k}{glue}{v}" for k, v in table.items())
    template = rng.choice(ASK_KEY_ZH if zh else ASK_KEY).replace("{k}", "\x01")
    question = pick(rng, template).replace("\x01", key)
    if question[-1] not in "?=":
        question += rng.choice(["？", ""] if zh else ["?", "?", "", "."])
    if not zh and rng.random() < 0.7 and not question.startswith(key):
        question = question[0].upper() + question[1:]
    return (f"{text}\n\n{question}" if rng.random() < 0.4 else f"{text}\n{question}" if rng.random() < 0.5 else f"{question}\n{text}" if rng.random() < 0.5 else f"{question}\n\n{text}"), table[key]


def repeat(rng, zh=False):
    makers = [lambda: noun_zh(rng), lambda: person_zh(rng), lambda: han(rng, 2)] if zh else [lambda: noun(rng), lambda: invent(rng), lambda: first_name(rng), lambda: digits(rng, 2), lambda: invent(rng).upper(), lambda: rng.choice(FIRST + NOUNS)]
    text = ("" if zh else " ").join(rng.choice(makers)() for _ in range(rng.choice([rng.randint(2, 8), rng.randint(4, 20)])))
    text += rng.choice(["", ".", "!"]) if not zh else rng.choice(["", "。"])
    request = chinese(rng, pick(rng, rng.choice(REPEAT_ZH))) if zh else english(rng, pick(rng, rng.choice(REPEAT)))
    return join(rng, request, text, zh), text
