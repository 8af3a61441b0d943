"""A fixed list of small code snippets, asked for in many wordings."""
from .wording import chinese, english, pick

# (language, what it does in English, in Chinese, code)
SNIPPETS = [
    ("JavaScript", "{read|load} a file", "读取文件", "import { readFile } from 'node:fs/promises';\nconst text = await readFile('file.txt', 'utf8');"),
    ("JavaScript", "{write|save} {text to |}a file", "写入文件", "import { writeFile } from 'node:fs/promises';\nawait writeFile('file.txt', text);"),
    ("JavaScript", "{fetch JSON|get JSON from a URL|make an HTTP request|download JSON}", "请求JSON数据", "const response = await fetch(url);\nconst data = await response.json();"),
    ("JavaScript", "{reverse|flip} a string", "反转字符串", "const reversed = [...text].reverse().join('');"),
    ("JavaScript", "{remove duplicates from|deduplicate} an array", "数组去重", "const unique = [...new Set(items)];"),
    ("JavaScript", "sort {numbers|an array of numbers}", "数字数组排序", "numbers.sort((a, b) => a - b);"),
    ("JavaScript", "sum {an array|the numbers in an array}", "数组求和", "const sum = numbers.reduce((a, b) => a + b, 0);"),
    ("JavaScript", "{wait|sleep|pause} {for a second|one second}", "等待一秒", "await new Promise(resolve => setTimeout(resolve, 1000));"),
    ("JavaScript", "{debounce a function|write a debounce function}", "防抖函数", "function debounce(fn, ms) {\n  let timer;\n  return (...args) => {\n    clearTimeout(timer);\n    timer = setTimeout(() => fn(...args), ms);\n  };\n}"),
    ("JavaScript", "{start|create|write} {a web server|an HTTP server|a server}", "启动HTTP服务器", "import { createServer } from 'node:http';\ncreateServer((req, res) => res.end('Hello')).listen(3000);"),
    ("JavaScript", "{group|group the} {items|objects} by {a key|key}", "按键分组", "const groups = Object.groupBy(items, item => item.key);"),
    ("JavaScript", "{get|pick} a random {item|element}", "随机取一个元素", "const item = items[Math.floor(Math.random() * items.length)];"),
    ("Python", "{read|load} a file", "读取文件", "with open('file.txt', encoding='utf-8') as file:\n    text = file.read()"),
    ("Python", "{write|save} {text to |}a file", "写入文件", "with open('file.txt', 'w', encoding='utf-8') as file:\n    file.write(text)"),
    ("Python", "{read|load|parse} a CSV{| file}", "读取CSV文件", "import csv\nwith open('data.csv', newline='') as file:\n    rows = list(csv.DictReader(file))"),
    ("Python", "{parse|read|load} JSON", "解析JSON", "import json\ndata = json.loads(text)"),
    ("Python", "{reverse|flip} a string", "反转字符串", "reversed_text = text[::-1]"),
    ("Python", "{count|count the} words", "统计单词", "from collections import Counter\ncounts = Counter(text.split())"),
    ("Python", "{remove duplicates from|deduplicate} a list", "列表去重", "unique = list(dict.fromkeys(items))"),
    ("Python", "{compute|get|print} {Fibonacci numbers|the Fibonacci numbers|the Fibonacci sequence}", "斐波那契数列", "def fibonacci(n):\n    a, b = 0, 1\n    for _ in range(n):\n        yield a\n        a, b = b, a + b"),
    ("Python", "{check|test} {if a number is prime|for primes|whether a number is prime}", "判断质数", "def is_prime(n):\n    return n > 1 and all(n % i for i in range(2, int(n ** 0.5) + 1))"),
    ("Python", "{list|list the|list all} files{| in a folder| in a directory}", "列出目录中的文件", "from pathlib import Path\nfiles = [p for p in Path('.').iterdir() if p.is_file()]"),
    ("Python", "sort a {dictionary|dict} by value", "按值排序字典", "ordered = dict(sorted(data.items(), key=lambda item: item[1]))"),
    ("SQL", "{count|count the|count all} rows", "统计行数", "SELECT COUNT(*) FROM users;"),
    ("SQL", "{join|join the} two tables", "连接两个表", "SELECT * FROM orders JOIN users ON users.id = orders.user_id;"),
    ("SQL", "{find|get|show} duplicates", "查找重复数据", "SELECT email, COUNT(*) FROM users GROUP BY email HAVING COUNT(*) > 1;"),
    ("SQL", "create a table", "创建表", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT);"),
    ("shell", "{find|list} large files", "查找大文件", "find . -type f -size +100M"),
    ("shell", "count lines{| in a file}", "统计文件行数", "wc -l file.txt"),
    ("shell", "{search|search for|find} text in files", "在文件中搜索文本", "grep -rn 'text' ."),
]
ALIAS = {"JavaScript": ["JavaScript", "JavaScript", "JS", "Node.js", "Node", "javascript"], "Python": ["Python", "Python", "python", "Python 3"], "SQL": ["SQL", "sql", "SQL"], "shell": ["shell", "bash", "the shell", "Bash", "the terminal", "Linux"]}
FENCE = {"JavaScript": "js", "Python": "python", "SQL": "sql", "shell": "sh"}
ASKS = ["{I need|I am after|I want|do you have|have you got|is there|I could use} {a piece of \x02|some \x02 code|\x02 code|a \x02 one-liner|a little \x02|code in \x02} {to|which can|that will|for this:} \x01", "what is the {best|easiest|usual|right|shortest} way to \x01 {in|with|using} \x02", "\x01, {in|using|with} \x02{| please| code}", "{my|our} \x02 {program|script|project|app} {has to|must|should} \x01", "is {it possible|there a way} to \x01 in \x02", "{help me|I want to|I have to|I must|I would like to|let me} \x01 in \x02", "{which|what} \x02 {code|command|lines} {will|can|do I use to} \x01", "how {do I|to|can I|do you|would you} \x01 in \x02", "{write|give me|show me} {\x02 code|a \x02 snippet|some \x02|a bit of \x02|code in \x02|a \x02 example} to \x01", "\x02: \x01", "\x01 in \x02", "\x01 {with|using} \x02", "{show|write|teach me} how to \x01 in \x02", "{code|snippet|example} to \x01 in \x02", "in \x02, how {do I|can I|to} \x01", "{what is the|what's the} \x02 {code|way|command} to \x01", "a {\x02 function|\x02 program|\x02 script} {to|that can} \x01"]
ASKS_ZH = ["{我想|我要|我需要}用\x02\x01", "\x02里{怎么|如何|怎样}\x01", "{有没有|求}\x02\x01{的代码|的写法|的方法}", "{在|使用}\x02中\x01{的方法|怎么写|怎么做}", "用\x02{怎么|如何|}\x01", "\x02{怎么|如何|怎样}\x01", "{写|给我|来}一段\x02代码：\x01", "\x02 \x01{的代码|代码|示例|}", "用\x02写{一个|}\x01{的代码|的程序|的例子}"]


def sample(rng, zh=False):
    language, what, what_zh, code = rng.choice(SNIPPETS)
    template = pick(rng, rng.choice(ASKS_ZH if zh else ASKS))
    text = template.replace("\x01", what_zh if zh else pick(rng, what)).replace("\x02", rng.choice(ALIAS[language][:3] if zh else ALIAS[language]))
    if zh:
        text = chinese(rng, text) if rng.random() < 0.4 else text + rng.choice(["", "？"])
    else:
        text = english(rng, text) if template.startswith(("write", "give", "show", "teach")) else (text[0].upper() + text[1:] if rng.random() < 0.6 else text) + rng.choice(["", "?", ""])
    return text, f"```{FENCE[language]}\n{code}\n```"
