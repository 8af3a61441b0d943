"""Many wordings of one request, and the ways in which people join it to a text.

A small model follows wording that it has met in many disguises. Requests are
built from parts (politeness × verb × object), joined to the text in several
layouts, and roughened the way real typing is (no capital, no full stop).
"""

POLITE = ["", "", "", "", "Please ", "please ", "Can you ", "Could you ", "Could you please ", "Kindly ", "Hey, ",
          "I need you to ", "I'd like you to ", "Would you ", "Help me: ", "Hi, ", "Hello, please ", "Now ", "Can you please ",
          "I want you to ", "Your task: ", "Quick one: ", "Let's "]
TAIL = ["", "", "", "", "", " please", " for me", ", please", " now", ", thanks", " quickly", " if you can"]
POLITE_ZH = ["", "", "", "", "请", "请", "请你", "麻烦", "麻烦你", "帮我", "请帮我", "能不能帮我", "可以帮我", "你能", "我想让你", "帮忙", "劳驾", "现在请", "你好，请", "能否", "快", "我需要你"]
TAIL_ZH = ["", "", "", "", "一下", "，谢谢", "吧", "，好吗", "，麻烦了"]


ASIDE = ["I am in a hurry.", "This is for my boss.", "It is for a friend.", "Thanks in advance!", "I need it today.", "I have a small job for you.", "Here is something for you.", "One more thing.", "I hope you can do this.", "My team is waiting.", "Good day.",
         "Let me show you what I have.", "I just got this.", "A colleague sent me this.", "We are almost done.", "It is late here.", "Sorry to bother you.", "This came in today.", "You did well last time.", "I typed this on my phone.", "My day was long.", "It is not urgent."]
ASIDE_ZH = ["我有点急。", "这是给老板的。", "提前谢谢你。", "今天就要。", "有件小事要麻烦你。", "这是同事发给我的。", "我刚收到这个。", "不好意思打扰了。", "不着急。", "我们快做完了。", "大家都在等。", "看看这个。", "还有一件事。"]


def english(rng, core):
    """Wrap an imperative ("sort the words") in politeness, sometimes beside an aside; roughen it."""
    if rng.random() < 0.12:
        aside = rng.choice(ASIDE)
        request = english(rng, core)
        stop = "" if request[-1] in "?." else "."
        return f"{aside} {request[0].upper() + request[1:]}" if rng.random() < 0.7 else f"{request}{stop} {aside}"
    polite, tail = rng.choice(POLITE), rng.choice(TAIL)
    text = polite + core + tail
    if polite.startswith(("Can", "Could", "Would")) and rng.random() < 0.5:
        text += "?"
    if rng.random() < 0.8:
        text = text[0].upper() + text[1:]
    return text


def chinese(rng, core):
    if rng.random() < 0.1:
        return rng.choice(ASIDE_ZH) + chinese(rng, core)
    return rng.choice(POLITE_ZH) + core + rng.choice(TAIL_ZH)


def join(rng, request, text, zh=False):
    """Put a request and the text that it is about into one message."""
    bare = request.rstrip("?.")
    colon = "：" if zh and rng.random() < 0.8 else ":"
    stop = ("。" if zh else ".") if request[-1] not in "?.？吗" else ""
    label = rng.choice(["文本", "内容", "正文", "原文", "材料"] if zh else ["Text", "Input", "Here it is", "Content", "Data", "Source"])
    return rng.choice([
        lambda: f"{bare}{colon}\n{text}",
        lambda: f"{bare}{colon}\n{text}",
        lambda: f"{bare}{colon}\n\n{text}",
        lambda: f"{bare}{colon} {text}" if not zh else f"{bare}{colon}{text}",
        lambda: f"{bare}{colon} {text}" if not zh else f"{bare}{colon}{text}",
        lambda: f"{request}{stop}\n{text}",
        lambda: f"{request}{stop}\n\n{text}",
        lambda: f"{request}\n\n{text}",
        lambda: f"{request}\n{text}",
        lambda: f"{text}\n\n{request}{stop}",
        lambda: f"{text}\n{request}",
        lambda: f"{request}{stop} {text}" if not zh else f"{request}{stop}{text}",
        lambda: f"{bare}{colon}\n\"\"\"\n{text}\n\"\"\"",
        lambda: f"{request}{stop}\n\n{label}{colon}{'' if zh else ' '}{text}",
        lambda: f"{request}{stop}\n---\n{text}\n---",
    ])()


def pick(rng, parts):
    """Fill a template's {a|b|c} choices at random."""
    out, rest = "", parts
    while "{" in rest:
        head, rest = rest.split("{", 1)
        choices, rest = rest.split("}", 1)
        out += head + rng.choice(choices.split("|"))
    return out + rest
