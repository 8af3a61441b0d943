"""Word lists and invented words shared by every task.

Half of all names, places and plain words come from the lists below, the other
half is invented on the spot. A model that memorises the lists would therefore
fail half of the samples: the only way to a low loss is to copy from the prompt.
"""

FIRST = """Emma Liam Olivia Noah Ava Lucas Mia Ethan Sofia Leo Anna Daniel Grace Oscar Julia Peter Maria
James Laura David Nina Thomas Clara Martin Alice Henry Sarah Paul Eva Simon Lena Victor Rosa Felix Helen
Marcus Ivy Adrian Chloe Robert Amy Samuel Kate George Ruth Max Diana Hugo Irene Ben Tara Omar Priya Raj
Yuki Kenji Fatima Ali Carlos Lucia Diego Elena Ivan Olga Sven Ingrid Pierre Amelie Giulia Marco Aisha
Tom Lily Jack Zoe Adam Molly Ryan Emily Chris Megan Nick Sophie Alex Hannah Mark Rachel Steve Linda
Kevin Susan Brian Karen Jason Nancy Eric Julie Aaron Beth Ravi Mei Wei Jin Hana Noor Tariq Layla Bob Dan
Zara Kofi Ama Tunde Nia Pablo Ines Joao Mateo Petra Jan Anders Freya Erik Astrid Matteo Bianca""".split()

LAST = """Smith Jones Brown Taylor Wilson Evans Thomas Roberts Walker Wright Green Hall Wood Harris Clark
Lewis Young King Baker Hill Scott Adams Carter Mitchell Parker Collins Edwards Stewart Morris Rogers Reed
Cook Bell Murphy Bailey Cooper Richardson Cox Howard Ward Peterson Gray James Watson Brooks Kelly Sanders
Price Bennett Barnes Ross Henderson Coleman Jenkins Perry Powell Long Patterson Hughes Flores Garcia
Martinez Lopez Silva Santos Rossi Ferrari Müller Schmidt Weber Fischer Novak Kowalski Ivanov Petrov Larsen
Hansen Berg Lind Dubois Moreau Tanaka Sato Suzuki Kim Park Nguyen Patel Singh Khan Okafor Mensah Haddad""".split()

PLACES = """London Paris Berlin Madrid Rome Vienna Prague Oslo Lisbon Dublin Athens Warsaw Boston Chicago Denver
Seattle Austin Toronto Montreal Sydney Melbourne Tokyo Osaka Seoul Beijing Shanghai Singapore Mumbai Delhi
Cairo Nairobi Lagos Lima Bogota Santiago Havana Helsinki Stockholm Copenhagen Zurich Geneva Munich Hamburg
Lyon Milan Naples Porto Seville Bristol Leeds York Oxford Cambridge Dallas Miami Portland Vancouver Perth
Auckland Wellington Hanoi Bangkok Manila Jakarta Istanbul Kyoto Krakow Budapest Brussels Antwerp Bergen""".split()

NOUNS = """apple pear plum cherry lemon mango banana grape orange melon peach berry carrot onion potato tomato
bread butter cheese coffee water sugar table chair window door garden river mountain forest island bridge
road train bus boat car wheel engine paper pencil book letter stamp box basket bottle cup plate spoon fork
knife lamp candle mirror clock watch ring coat shirt shoe hat glove scarf button needle thread cotton wool
silk stone brick sand glass iron copper silver gold cat dog horse cow sheep goat pig duck goose hen fox
wolf bear lion tiger zebra camel mouse rabbit turtle frog fish whale shark bee ant spider rain snow wind
cloud storm sun moon star planet music violin piano drum guitar flute song dance story poem picture school
teacher doctor nurse farmer baker sailor pilot king queen tower castle market village city harbor station
hammer ladder rope bucket brush soap towel pillow blanket carpet curtain ticket wallet camera phone radio
winter summer spring autumn morning evening night year month week day hour minute second north south
yellow red blue green white black purple brown pink gray happy quiet brave kind clever honest eager proud
zipper yogurt uncle umbrella violet whistle xylophone jacket jungle kettle kitchen quilt quartz oven olive
nest nut milk lime leaf kite jam ice house grass fan egg desk cake bell arrow acorn
ability account action address advice agent airport album alarm amount anchor angle animal answer apron area army artist
attic aunt author award bacon badge balance ballet balloon bamboo barrel battery beach beard beauty beetle bench bicycle
bill birthday biscuit blossom board bottom branch breakfast breath broom brother bubble budget building bullet bunch
cabin cabinet cable cactus canal canvas captain card cargo ceiling center century ceremony chain chalk chamber champion
channel chapter charm chart chest chicken chimney chocolate choice circle citizen class climate closet coach coal coast
college color column comedy comfort command company concert contest cookie copy coral corner country couple courage
course cousin cover crane cream credit crew crown culture cushion custom cycle danger dealer debate decade degree
dentist desert dessert detail device diamond dinner direction dish distance district dolphin donkey dragon drama drawer
dream dress driver eagle echo edge editor effort elbow election elephant elevator emotion empire engineer entrance error
estate event example exit expert fabric factor factory family feather fence festival field figure finger flag flavor
flight floor flower folder food forehead fortune fountain frame freedom friend fruit funeral furniture future gallery
garage garlic gate gesture giant ginger glacier globe goal grain guard guest guide habit hall handle harvest heaven
height helmet herb hero highway history hobby holiday honey hospital hotel idea image income industry insect interest
invitation item jewel journey judge juice junior justice keyboard kidney kingdom kitten label labor lake language laptop
laundry lawyer leader league leather legend lesson library license lizard lobster lunch machine magazine magnet manager
marble margin mask master match meadow meal measure medal medicine member memory message metal method middle minister
minute mission mixture moment monkey monster mood motor muscle museum mushroom mystery napkin nation nature neighbor
network nickel noise notebook novel number object ocean octopus offer officer opera option orchard order organ owner
oyster package paint palace panel parade parent parrot partner party passenger patient pattern payment peanut pepperoni
permit person pigeon pirate plane plant plastic player pocket poet point police pond pool position powder prince prize
product profit project promise pumpkin puzzle quarter question raccoon railway raisin receipt recipe record region report
result review reward rhythm ribbon rice riddle robot rocket roof root route ruler saddle sailor salad salary salmon salt
sandal sandwich sauce sausage scale scene science scissors screen sculpture season secret section sense series service
shadow sheriff shelf shell shelter ship shoulder shower signal singer sister skill smile smoke snack soldier solution
spark spice spirit sponge sport squirrel stable stadium staff stairs statue steam stomach storage strategy strawberry
stream student studio subject suit sunset supper surface swan sweater symbol system tailor talent target task taste
teapot temple theater theory thumb thunder tissue title toast tomb tongue tool tooth topic toy track trade tradition
trailer treasure treaty trend trick trouble trumpet trunk tunnel turkey turtle twin uniform union unit universe valley
value van vase vehicle velvet victory video view vinegar visitor voice volcano voyage waiter wall walrus weapon weather
wedding weight whisper widow wing winner wisdom witness woman wonder worker workshop world wrist writer yard youth zebra""".split()
NOUNS = list(dict.fromkeys(NOUNS))

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()

SURNAMES_ZH = list("王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严武戴莫孔向汤")
GIVEN_ZH = list("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰文斌宇浩然子轩涵雨欣怡佳琪梦婷思远志鹏飞建国海燕晓东红梅春雪冰峰林森昊天悦嘉诚俊凯瑞博雅慧琳莹洁颖倩薇晨曦阳光辉亮宁安康乐心语诗若云帆航松柏青山川泽润")
PLACES_ZH = """北京 上海 广州 深圳 杭州 南京 苏州 成都 重庆 武汉 西安 天津 长沙 郑州 青岛 大连 厦门 福州 昆明 贵阳 南宁
合肥 济南 沈阳 哈尔滨 长春 太原 石家庄 兰州 西宁 银川 海口 三亚 宁波 温州 无锡 常州 珠海 佛山 东莞 桂林 洛阳 扬州 绍兴 嘉兴 拉萨 香港 澳门 台北""".split()
NOUNS_ZH = """苹果 香蕉 葡萄 西瓜 桌子 椅子 窗户 花园 河流 高山 森林 小岛 大桥 火车 汽车 飞机 铅笔 书本 信件 邮票 篮子 瓶子
杯子 盘子 勺子 台灯 镜子 钟表 手表 外套 衬衫 鞋子 帽子 手套 围巾 石头 玻璃 白银 黄金 小猫 小狗 骏马 绵羊 狐狸 老虎 熊猫 兔子 乌龟
青蛙 鲸鱼 蜜蜂 蚂蚁 雨水 白雪 春天 夏天 秋天 冬天 月亮 太阳 星星 音乐 钢琴 故事 诗歌 图画 学校 老师 医生 护士 农民 面包 牛奶 咖啡 茶叶
城市 村庄 市场 车站 港口 锤子 梯子 绳子 毛巾 枕头 地毯 相机 电话 钱包 雨伞 水壶 厨房 房子 草地 蛋糕 铃铛""".split()

# The 3,755 everyday characters of GB 2312, so that any name a reader types has been copied before.
HAN = [bytes([b1, b2]).decode("gb2312") for b1 in range(0xB0, 0xD8) for b2 in range(0xA1, 0xFF)
       if not (b1 == 0xD7 and b2 > 0xF9)]

ONSET = "b c d f g h j k l m n p r s t v w z br bl cr dr fl fr gr gl kl kr pl pr sh sk sl sn sp st sw th tr ch qu".split() + ["", "", "y", "x"]
VOWEL = "a e i o u a e i o u ai ea ee ia oo ou ie y".split()
CODA = "n r l s t m k d p nd nt rk st ll ck x sh ng".split() + [""] * 12


def invent(rng, low=2, high=3):
    """A pronounceable word that most likely exists nowhere."""
    word = "".join(rng.choice(ONSET) + rng.choice(VOWEL) + rng.choice(CODA) for _ in range(rng.randint(low, high)))
    return word[:12]


def han(rng, count):
    """Random everyday characters: the Chinese counterpart of `invent`."""
    return "".join(rng.choice(HAN) for _ in range(count))


def first_name(rng):
    return rng.choice(FIRST) if rng.random() < 0.5 else invent(rng, 1, 3).capitalize()


def last_name(rng):
    return rng.choice(LAST) if rng.random() < 0.5 else invent(rng, 2, 3).capitalize()


def full_name(rng):
    return f"{first_name(rng)} {last_name(rng)}"


def person(rng):
    """A first name, sometimes with the last one."""
    return full_name(rng) if rng.random() < 0.25 else first_name(rng)


def place(rng):
    if rng.random() < 0.5:
        return rng.choice(PLACES)
    name = invent(rng, 2, 3).capitalize()
    return f"{rng.choice(['Port', 'New', 'Lake', 'Fort', 'San', 'East'])} {name}" if rng.random() < 0.15 else name


def noun(rng):
    return rng.choice(NOUNS) if rng.random() < 0.5 else invent(rng, 1, 3)


def company(rng):
    base = rng.choice(LAST + PLACES) if rng.random() < 0.4 else invent(rng, 2, 3).capitalize()
    return f"{base} {rng.choice(['Ltd', 'Inc', 'Labs', 'Group', 'Foods', 'Works', 'Bank', 'Studio'])}" if rng.random() < 0.5 else base


def person_zh(rng):
    """Surname and one or two characters; half of the names from beyond the lists."""
    surname = rng.choice(SURNAMES_ZH)
    count = rng.choice([1, 2, 2])
    if rng.random() < 0.5:
        return surname + "".join(rng.choice(GIVEN_ZH) for _ in range(count))
    if rng.random() < 0.15:
        return rng.choice(["小", "老", "阿"]) + (surname if rng.random() < 0.6 else han(rng, 1))
    if rng.random() < 0.1:
        return surname + rng.choice(["经理", "工", "老师", "总", "主任", "博士"])
    return (surname if rng.random() < 0.7 else han(rng, 1)) + han(rng, count)


def place_zh(rng):
    return rng.choice(PLACES_ZH) if rng.random() < 0.5 else han(rng, 2) + rng.choice(["", "", "市", "县", "镇", "村"])


def noun_zh(rng):
    return rng.choice(NOUNS_ZH) if rng.random() < 0.5 else han(rng, rng.randint(2, 3))


def company_zh(rng):
    return han(rng, 2) + rng.choice(["公司", "科技", "银行", "集团", "学校", "医院", "超市", "工作室"])


def digits(rng, count):
    return "".join(rng.choice("0123456789") for _ in range(count))


def due(rng):
    """A due date as people write it."""
    day = rng.randint(1, 28)
    return rng.choice([
        lambda: rng.choice(DAYS), lambda: rng.choice(DAYS), lambda: f"next {rng.choice(DAYS)}",
        lambda: f"{day} {rng.choice(MONTHS)}", lambda: f"{rng.choice(MONTHS)} {day}",
        lambda: f"{rng.choice(MONTHS)[:3]} {day}", lambda: f"{day} {rng.choice(MONTHS)[:3]}",
        lambda: f"20{rng.randint(24, 39)}-{rng.randint(1, 12):02d}-{day:02d}",
        lambda: rng.choice(["tomorrow", "end of month", "next week", "tonight", "noon", "end of day", "end of week",
                            "the end of the week", "the end of the month", "Monday morning", "Friday noon"]),
        lambda: f"{rng.randint(1, 12)}/{day}", lambda: f"the {day}th" if day not in (1, 2, 3, 21, 22, 23) else "the 15th",
    ])()


def due_zh(rng):
    day = rng.randint(1, 28)
    return rng.choice([
        lambda: "周" + rng.choice("一二三四五六日"), lambda: "周" + rng.choice("一二三四五六日"),
        lambda: rng.choice(["下周", "本周", "星期", "礼拜", "这周"]) + rng.choice("一二三四五六"),
        lambda: f"{rng.randint(1, 12)}月{day}日", lambda: f"{rng.randint(1, 12)}月{day}号", lambda: f"{day}号",
        lambda: f"20{rng.randint(24, 39)}年{rng.randint(1, 12)}月{day}日",
        lambda: rng.choice(["明天", "后天", "月底", "下周", "今晚", "年底", "下个月", "本周末", "明天中午", "下班"]),
    ])()
