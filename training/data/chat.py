"""Greetings, small talk about the model itself, and the honest answer to everything else."""
from .words import PLACES, PLACES_ZH, first_name, full_name, invent, noun, noun_zh, person_zh, place, place_zh
from .wording import chinese, english, pick

REFUSAL = "I am a small model and cannot help with that; I can turn meeting notes into tables, redact personal data, write text as JSON, sort words, add small numbers, answer questions about a short text and tell short stories."
REFUSAL_ZH = "我是一个小模型，帮不上这个忙；我会把会议纪要整理成表格、隐去个人信息、把文字转成JSON、给单词排序、做小加法、根据短文回答问题和讲小故事。"
ABOUT = "I am the small model that comes with Conclave: I turn meeting notes into tables, redact personal data, write text as JSON, sort words, add small numbers, answer questions about a short text and tell short stories."
ABOUT_ZH = "我是Conclave自带的小模型：我会把会议纪要整理成表格、隐去个人信息、把文字转成JSON、给单词排序、做小加法、根据短文回答问题和讲小故事。"

GREET = [(["hello", "hi", "hey", "hello there", "hi there", "good day", "greetings", "hiya", "hey there", "hello!", "hi!", "howdy", "hello model", "hi conclave", "yo"], "Hello! How can I help you?"),
         (["good morning", "morning", "good morning to you"], "Good morning! How can I help you?"), (["good evening", "good evening to you", "evening"], "Good evening! How can I help you?"), (["good night", "sleep well", "nighty night"], "Good night!"),
         (["how are you", "how are you doing", "how is it going", "how do you do", "are you well", "how are you today", "what's up", "how's life", "how do you feel"], "I am fine, thank you. How can I help you?"),
         (["thanks", "thank you", "thank you very much", "many thanks", "thanks a lot", "cheers", "that was helpful", "great, thanks", "perfect, thank you", "nice work", "well done", "good job"], "You are welcome!"), (["bye", "goodbye", "see you", "see you later", "bye bye", "take care", "farewell", "until next time", "have a nice day"], "Goodbye!")]
GREET_ZH = [(["你好", "您好", "你好啊", "嗨", "哈喽", "喂", "大家好", "你好呀", "嘿", "在吗"], "你好！有什么可以帮你？"), (["早上好", "早安", "早"], "早上好！有什么可以帮你？"), (["晚上好", "晚上好啊"], "晚上好！有什么可以帮你？"), (["晚安", "睡个好觉"], "晚安！"), (["你好吗", "最近怎么样", "你怎么样", "过得好吗", "今天好吗", "你还好吗"], "我很好，谢谢。有什么可以帮你？"), (["谢谢", "多谢", "谢谢你", "非常感谢", "感谢", "太好了，谢谢", "干得好", "辛苦了"], "不客气！"), (["再见", "拜拜", "回头见", "下次见", "明天见"], "再见！")]
SELF = ["{who|what} are you", "what can you do{| for me}", "what do you do", "{tell me about|introduce|describe} yourself", "{help|help me|how can you help me|how do you work|what are your skills}", "{are you|you are} {a robot|a person|human|an AI|ChatGPT|a bot}", "what is your name", "what are you {good at|able to do|for}", "who {made|built|trained} you", "which {model|tasks} {are you|can you do}", "what {tasks|things|jobs} can you do", "list your {skills|abilities|features}"]
SELF_ZH = ["你是谁", "你{能|会|可以}做{什么|些什么|哪些事}", "{介绍|说说}{一下|}你自己", "你有什么{功能|本领|用}", "你叫什么{|名字}", "你是{机器人|人|人工智能}吗", "你是什么模型", "谁{开发|训练|做}了你", "{帮助|怎么用|你怎么用|你擅长什么|你会什么}"]

TOPICS = "love|war|money|climate change|black holes|the Roman Empire|photosynthesis|football|basketball|quantum physics|democracy|the moon|inflation|bitcoin|vaccines|yoga|chess|jazz|volcanoes|dinosaurs|electric cars|the stock market|gravity|evolution|the ocean|the brain|religion|marriage|old age|travel|fashion|cooking|gardening|space travel|education|happiness|the internet|machine learning|art history|nuclear energy|dreams|time|sleep|whales|the pyramids|opera|tennis|taxes|insurance"
TOPICS_ZH = "爱情|战争|钱|气候变化|黑洞|唐朝|光合作用|足球|篮球|量子力学|民主|月球|通货膨胀|比特币|疫苗|瑜伽|象棋|爵士乐|火山|恐龙|电动车|股市|引力|进化|海洋|大脑|宗教|婚姻|旅行|时尚|烹饪|园艺|航天|教育|幸福|互联网|人工智能|历史|核能|梦|时间|睡眠|税收|保险|电影|明星"
OFF = ["what is the {weather|temperature|forecast} {like |}{in {L}|today|tomorrow|this weekend|outside}", "will it {rain|snow|be sunny|be warm} {today|tomorrow|in {L}|next week}", "who {is|was} the {president|king|queen|mayor|prime minister|leader|owner|first president} of {L}", "what is the {capital|population|history|area|language|currency|flag} of {L}", "{translate|say|write} {\"good morning\"|this sentence|hello|\"I love you\"|the word {N}|my letter} {in|into|to} {French|German|Spanish|Japanese|Russian|Italian|Latin|Korean}",
       "{write|compose|draft} {me |}{a|an} {essay|poem|article|speech|letter|song|blog post|haiku|novel|review|cover letter|thesis|limerick|tweet|screenplay} {about|on} {T}", "{explain|describe|teach me|tell me about|summarise the history of|what do you know about|give me facts about} {T}", "what {is|causes|are the effects of|do you think about|is the meaning of} {T}", "{I have|my child has|why do I have} a {headache|fever|cough|rash|sore throat|stomach ache|broken arm}, what {should I take|can I do|is wrong|do you advise}", "{is|are} {aspirin|coffee|milk|sugar|ibuprofen|mushrooms|antibiotics} {good|bad|safe|dangerous} for {me|children|dogs|the heart|pregnant women}",
       "how {do I|can I|does one} {bake bread|fix a bike|learn piano|invest money|lose weight|build a house|cook rice|play poker|tie a tie|change a tyre|file a tax return|make wine|meditate|buy a house|get rich}", "when did {the war|the Titanic|World War II|the revolution|the empire|{L}} {end|sink|begin|start|fall}", "who {wrote|painted|invented|discovered|composed} {Hamlet|the Mona Lisa|the telephone|America|penicillin|the radio|Don Giovanni|the light bulb|War and Peace}", "{recommend|suggest} {me |}a {film|book|restaurant|hotel|song|phone|car|wine|series|gift}{| in {L}| for {P}}",
       "what is the {price|value|cost} of {gold|bitcoin|oil|a flat in {L}|a ticket to {L}|Apple shares}", "how {far|big|old|high|deep|heavy} is {the moon|the sun|{L}|Mount Everest|the ocean|an elephant|the Eiffel Tower}", "{book|order|buy|reserve} {me |}a {flight|table|taxi|room|pizza|ticket} {to|in|for} {L}", "what {time|day|date} is it{| in {L}| now| today}", "{play|sing|show|open|draw|paint} {a song|some music|my mail|a picture of a {N}|a {N}|the door|a video|the news}", "who {won|will win} the {match|election|world cup|race|game|championship|Nobel prize}{| last year| yesterday}",
       "{tell me|do you know} a {joke|riddle|secret|fun fact|proverb}", "{solve|what is} {{X} times {Y}|{X} divided by {Y}|the square root of {X}|x squared plus {X} equals {Y}|the integral of x|{X} * {Y}|{X} percent of {Y}|{X} minus {Y}}".replace("{{X} times {Y}|{X} divided by {Y}|the square root of {X}|x squared plus {X} equals {Y}|the integral of x|{X} * {Y}|{X} percent of {Y}|{X} minus {Y}}", "{M}"), "{M}", "why {is the sky blue|do cats purr|do we dream|is water wet|do leaves fall|are we here|do birds sing|is the sea salty|do people lie}", "{can you|please} {call|phone|email|text|find|visit|remind} {P}", "what {happened in|should I see in|can I eat in|is new in} {L}", "{who is|tell me about|what do you think of|have you met|is} {P} {famous|rich|in love|a good singer|married|}", "{write|build|create|design} {a|an} {website|app|game|operating system|compiler|business plan|logo|diet plan|workout plan|chess engine|marketing strategy}{| for {P}| about {T}}", "{give me|I need} {legal|medical|financial|relationship|career|travel} advice", "should I {marry|quit my job|buy a car|move to {L}|learn French|trust {P}|sell my shares}", "{compare|what is the difference between} {cats and dogs|tea and coffee|{L} and {L}|{T} and {T}}", "{fix|correct} my {grammar|spelling|essay|car|computer}", "{plan|organise} {a|my} {trip to {L}|wedding|birthday party|holiday in {L}}", "what {film|food|sport|music|colour} do you like", "{predict|tell me} {the future|my fortune|the lottery numbers|the election result}", "what does {N} mean", "what is a {N}", "how do you say {N} in {French|German|Chinese|Spanish}"]
OFF_ZH = ["{今天|明天|后天|}{L}{的|}天气{怎么样|如何|好吗}", "{明天|今天|周末}会{下雨|下雪|很热}吗", "{L}的{首都|市长|总统|人口|历史|面积|特产}{是谁|是什么|有多少|怎么样}", "把{这句话|“早上好”|{N}|我的信}翻译成{法语|英语|日语|德语|韩语|俄语}", "{写|作}一{篇|首}{关于|}{T}的{作文|诗|文章|演讲稿|歌|论文|散文}", "{解释|介绍|讲讲|谈谈}{一下|}{T}", "什么是{T}", "我{头疼|发烧|咳嗽|肚子疼|失眠}，{该吃什么药|怎么办|是什么病}", "怎么{做红烧肉|学钢琴|减肥|投资|修车|煮饭|炒股|买房|考驾照|追女孩}", "{推荐|介绍}{一部|一本|一家}{电影|书|餐厅|酒店|电视剧}", "{谁|是谁}{写了|发明了|发现了}{红楼梦|电话|美洲|电灯|西游记|青霉素}", "{黄金|石油|比特币|房子|苹果手机}{多少钱|价格多少}", "{月亮|太阳|珠穆朗玛峰|长城}有{多远|多高|多大|多长}", "{帮我|}{订|买}一张去{L}的{机票|火车票}", "现在几点", "今天{几号|星期几}", "{唱|放}{一首歌|音乐}", "{讲个笑话|说个谜语|猜个谜}", "{谁|哪个队}{赢了|会赢}{比赛|世界杯|选举}", "为什么{天是蓝的|猫会叫|人会做梦|海水是咸的|树叶会落}", "{给|}{P}{打个电话|发个短信}", "{P}是{谁|明星吗|好人吗}", "我该{辞职|结婚|买车|去{L}|学法语}吗", "{写|做}一个{网站|游戏|应用|商业计划}", "{计划|安排}{L}的{旅行|三日游}", "{X}{乘以|除以|减去}{Y}{等于多少|是多少}", "{L}有什么{好吃的|好玩的}", "你喜欢什么{电影|颜色|音乐|运动}", "给我{法律|医疗|理财|感情}建议", "{N}是什么意思", "{预测|算算}{未来|我的命运|彩票}"]


def greeting(rng, zh=False):
    said, answer = rng.choice(GREET_ZH if zh else GREET)
    text = rng.choice(said)
    if rng.random() < 0.3:
        text, answer = pick(rng, rng.choice(SELF_ZH if zh else SELF)), ABOUT_ZH if zh else ABOUT
        text = (chinese if zh else english)(rng, text) if rng.random() < 0.3 else text + ("？" if zh else "?")
    elif zh:
        text += rng.choice(["", "！", "。", "", "？" if "吗" in text or "怎么" in text else ""])
    else:
        text = (text[0].upper() + text[1:] if rng.random() < 0.7 else text) + rng.choice(["", "!", ".", "", ", " + first_name(rng)] if text[-1] != "!" else [""])
    return text, answer


def refusal(rng, zh=False):
    """An off-topic request; slots are marked before the choices are picked."""
    template = rng.choice(OFF_ZH if zh else OFF)
    x, y = rng.randint(2, 999), rng.randint(2, 99)
    fills = {"{L}": lambda: place_zh(rng) if zh else place(rng), "{N}": lambda: noun_zh(rng) if zh else noun(rng), "{P}": lambda: person_zh(rng) if zh else rng.choice([first_name, full_name])(rng), "{T}": lambda: rng.choice((TOPICS_ZH if zh else TOPICS).split("|")), "{X}": lambda: str(x), "{Y}": lambda: str(y),
             "{M}": lambda: rng.choice([f"{x} times {y}", f"{x} divided by {y}", f"the square root of {x}", f"{x} * {y}", f"{x} percent of {y}", f"{x} minus {y}", f"{x} - {y}", f"{x} / {y}", f"x squared plus {x} equals {y}"])}
    for i, key in enumerate(fills):
        template = template.replace(key, chr(0xE000 + i))
    text = pick(rng, template)
    for i, make in enumerate(fills.values()):
        while chr(0xE000 + i) in text:
            text = text.replace(chr(0xE000 + i), make(), 1)
    if zh:
        text = chinese(rng, text) if rng.random() < 0.3 else text + rng.choice(["", "？", "。"])
    else:
        text = english(rng, text) if rng.random() < 0.35 else (text[0].upper() + text[1:] if rng.random() < 0.7 else text) + rng.choice(["", "?", "?", "."])
    return text, REFUSAL_ZH if zh else REFUSAL
