"""Short stories from one small plot grammar: little choice, so that a greedy answer stays coherent."""
from .words import first_name, han, noun, noun_zh, person_zh
from .wording import chinese, english, pick

# subject → (place, helper, thing lost, ending); one fixed plot per hero keeps greedy text sensible.
HEROES = {"cat": ("an old library", "owl", "a silver key", "slept on the warmest shelf"), "dog": ("a windy beach", "crab", "a red ball", "ran home along the waves"), "fox": ("a snowy forest", "hare", "a golden leaf", "danced under the stars"), "robot": ("a quiet workshop", "mouse", "a tiny screw", "hummed a happy tune"), "dragon": ("a high mountain", "goat", "a glowing pearl", "lit a small fire for everyone"),
          "girl": ("a busy market", "baker", "a blue ribbon", "walked home with a warm loaf"), "boy": ("a green valley", "shepherd", "a wooden flute", "played a song until evening"), "bear": ("a deep cave", "bee", "a jar of honey", "shared it with the whole wood"), "bird": ("a tall tower", "bell ringer", "a bright feather", "sang at sunrise"), "sailor": ("a foggy harbour", "seagull", "an old map", "set sail for the island"), "rabbit": ("a wide meadow", "mole", "a sweet carrot", "cooked soup for all friends"), "king": ("a stone castle", "gardener", "a small crown", "planted roses at the gate")}
HEROES_ZH = {"猫": ("旧图书馆", "猫头鹰", "银钥匙", "在最暖和的书架上睡着了"), "狗": ("海边", "螃蟹", "红皮球", "沿着浪花跑回了家"), "狐狸": ("雪林", "野兔", "金叶子", "在星空下跳起了舞"), "机器人": ("工作室", "老鼠", "小螺丝", "哼起了快乐的歌"), "龙": ("高山", "山羊", "夜明珠", "为大家点起了篝火"), "女孩": ("集市", "面包师", "蓝丝带", "带着热面包回了家"), "男孩": ("山谷", "牧羊人", "木笛", "一直吹到了傍晚"), "熊": ("山洞", "蜜蜂", "蜂蜜罐", "和大家一起分享"), "小鸟": ("高塔", "敲钟人", "彩色羽毛", "在日出时歌唱"), "兔子": ("草原", "鼹鼠", "胡萝卜", "给朋友们煮了汤")}
ASKS = ["{entertain|amuse|cheer} me {up |}with a {story|tale} about {s}", "{a|one} {story|tale|bedtime story} {where|in which} {s} is the hero", "{something|a few lines} {to read|for my child} about {s}{|, as a story}", "{could there be|is there|may I have|can I get} a {short |little |}{story|tale} {about|with|on} {s}", "{my daughter|my son|the class|our baby} {wants|asks for|would like} a {story|tale|fairy tale} {about|with} {s}", "{let me hear|read me|spin} a {story|tale|yarn} {about|of} {s}", "{s}: {a story|a tale|tell the story}", "{tell|write|make up|invent|give} {me |us |}a {short |little |tiny |nice |}{story|tale|bedtime story} about {s}", "a {short |little |}{story|tale} about {s}", "{story|tale} about {s}", "{write|tell} {a|some} {story|short story|tale|fairy tale} {with|of|featuring} {s}", "I {want|would like|need} {to hear |}a {short |}story about {s}", "{do you know|can you think of|have you got} a story about {s}"]
ASKS_ZH = ["{孩子|女儿|儿子|我}想听{s}的故事", "{有没有|来个}{s}的{|小|睡前}故事", "以{s}为主角{写|讲|编}个故事", "{请|}{创作|编写}一{个|篇}{s}的{|小|短}故事", "{讲|说|写|编|来}{一个|个}{|短的|小|简短的|睡前}故事，{关于|讲}{s}", "{讲|说|写|编}一个{关于|有关}{s}的{|小|短|睡前|简短的}故事", "{s}的故事", "我想听{一个|}{s}的故事"]


def sample(rng, zh=False):
    heroes = HEROES_ZH if zh else HEROES
    hero = rng.choice(list(heroes))
    if zh:
        named, other = rng.random() < 0.4, rng.random() < 0.15
        subject = noun_zh(rng) if other else hero
        place, helper, thing, ending = heroes[hero] if not other else heroes["猫"]
        name = person_zh(rng) if named else None
        asked = (f"一只叫{name}的{subject}" if rng.random() < 0.5 else f"叫{name}的{subject}") if name else rng.choice(["一只", "", ""]) + subject
        answer = f"从前，{place}里有{'一只叫' + name + '的' if name else '一个'}{subject}。一天，{name or subject}发现{thing}不见了，十分着急。{helper}说：“别担心，我帮你找。”他们找了一整天，终于在门边找到了{thing}。{name or subject}谢过朋友，{ending}。"
        return chinese(rng, pick(rng, rng.choice(ASKS_ZH).replace("{s}", "\x01")).replace("\x01", asked)), answer
    if rng.random() < 0.1:
        return english(rng, pick(rng, rng.choice(["{tell|write|give} me a {short |little |}{story|tale|bedtime story}", "a {short |}story", "{tell a story|story time|tell me something nice}"]))), _tell("fox", None, *HEROES["fox"])
    subject, plot = (noun(rng), HEROES["cat"]) if rng.random() < 0.2 else (hero, HEROES[hero])
    name = first_name(rng) if rng.random() < 0.5 else None
    article = "an" if subject[0] in "aeiou" else "a"
    asked = rng.choice([f"{article} {subject} {rng.choice(['called', 'named'])} {name}", f"{name} the {subject}", f"{article} {subject} whose name is {name}"]) if name else rng.choice([f"{article} {subject}", f"{article} {subject}", f"{article} {rng.choice(['small', 'brave', 'sad', 'lonely', 'clever', 'little', 'lost'])} {subject}", f"the {subject}"])
    return english(rng, pick(rng, rng.choice(ASKS).replace("{s}", "\x01")).replace("\x01", asked)), _tell(subject, name, *plot)


def _tell(subject, name, place, helper, thing, ending):
    article = "an" if subject[0] in "aeiou" else "a"
    hero = name or f"the {subject}"
    start = hero[0].upper() + hero[1:]
    return (f"Once upon a time {article} {subject}{' called ' + name if name else ''} lived in {place}. One morning {hero} lost {thing} and felt very sad. "
            f"\"Do not worry,\" said the {helper}, \"I will help you look.\" They searched all day, and at sunset they found {thing} by the door. {start} thanked the {helper} and {ending}.")
