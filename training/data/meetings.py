"""Meeting notes → table of action items, in English and Chinese.

The cells copy the notes word for word (no capital is added), so that a task
with words never seen before still comes out right.
"""
from .words import (company, company_zh, due, due_zh, han, invent, noun, noun_zh, person, person_zh, place, place_zh)
from .wording import chinese, english, join, pick

VERBS = """send review finish update prepare book call check draft write fix test order collect share print
sign clean plan move buy invite contact confirm compare translate install organise upload archive schedule
approve design measure repair replace present deliver publish publicize document merge deploy paint count hire train
cancel renew ask visit close open clear set verify pack ship email backup rewrite label sort edit film""".split()
OBJECTS = """report budget contract slides invoice agenda website logo room menu poster survey manual timetable
database server invoice list of guests|customer list|test plan|press release|sales figures|new office|travel costs
coffee machine|training video|product page|photo album|release notes|meeting minutes|hotel|train tickets|keys|floor plan
draft|newsletter|payment|stock list|price list|questionnaire|old files|printer|projector|first chapter|budget sheet""".replace("\n", "|")
OBJECTS = [o for part in OBJECTS.split("|") for o in ([part] if " of " not in part and len(part.split()) <= 2 else part.split()) if o]
VERBS_ZH = "提交 准备 更新 检查 整理 联系 预订 打印 撰写 修改 测试 发送 完成 采购 翻译 设计 安排 确认 统计 上传 归档 收集 审核 通知 修复 购买 布置 签署 核对 发布 制作 拟定 汇总 跟进 清点 起草 部署 录制 拜访 盘点".split()
OBJECTS_ZH = "报告 预算表 合同 幻灯片 发票 议程 网站 会议室 菜单 海报 问卷 手册 时间表 数据库 服务器 客户名单 测试计划 新闻稿 销售数据 差旅费用 培训视频 产品页面 会议纪要 酒店 火车票 钥匙 平面图 初稿 付款 库存 价格表 旧文件 打印机 投影仪 活动方案 宣传册 用户反馈 季度总结 员工培训 供应商资料 体检".split()

CHATTER = ["We {talked about|discussed|went over|looked at} the {budget|plans|weather|numbers|new office|trip}.", "{Everyone|The team} {liked|agreed with|was happy with} the {idea|plan|design|proposal}.",
           "Sales {went up|fell|rose} {a little|slightly|by five percent}.", "The meeting {started late|was short|ended on time|ran long}.", "{Lunch|Coffee} was {good|late|served at noon}.",
           "There were no {questions|objections|complaints}.", "The {next|last} meeting {is|was} on {Monday|Tuesday|Thursday}.", "{Nobody|No one} had news about the {server|office|parking}.", "Thanks to all for coming."]
CHATTER_ZH = ["大家{讨论|聊|谈}了{预算|计划|天气|数据|新办公室|项目进展}。", "{大家|团队|全体}都{同意|赞成|喜欢}这个{方案|想法|计划|设计}。", "本月销售{上升|下降|略有增长}。", "会议{开始得晚|很短|准时结束}。",
              "没有人提出{问题|异议|意见}。", "{下次|上次}会议在周{一|二|四}。", "{午餐|咖啡}{不错|来晚了}。", "感谢大家参加。"]


def task_phrase(rng):
    obj = rng.choice(OBJECTS)
    verb = rng.choice(VERBS) if rng.random() < 0.85 else invent(rng, 1, 2)
    return f"{verb} " + rng.choice([
        lambda: f"the {obj}", lambda: f"the {obj}", lambda: f"the {obj}", lambda: f"the {noun(rng)} {obj}", lambda: f"a {noun(rng)}", lambda: f"the {obj} for {company(rng)}",
        lambda: f"the {obj} to {company(rng)}", lambda: f"the {obj} in {place(rng)}", lambda: f"{rng.randint(2, 60)} {noun(rng)}s",
        lambda: f"{company(rng)} about the {obj}", lambda: f"the {obj} and the {noun(rng)}", lambda: f"our {obj}", lambda: f"all {noun(rng)} {obj}s",
        lambda: f"the {obj} with {person(rng)}", lambda: f"{rng.choice(['her', 'his', 'their', 'new', 'some'])} {noun(rng)}", lambda: f"{company(rng)}",
    ])()


def task_phrase_zh(rng):
    obj, verb = rng.choice(OBJECTS_ZH), rng.choice(VERBS_ZH)
    if rng.random() < 0.12:
        return han(rng, 2) + noun_zh(rng)
    return rng.choice([
        lambda: verb + obj, lambda: verb + obj, lambda: verb + noun_zh(rng) + obj, lambda: verb + noun_zh(rng), lambda: verb + company_zh(rng) + "的" + obj,
        lambda: verb + place_zh(rng) + "的" + obj, lambda: verb + str(rng.randint(2, 60)) + rng.choice("个份台张箱") + noun_zh(rng), lambda: verb + "新" + obj, lambda: verb + obj + "和" + noun_zh(rng),
        lambda: "给" + company_zh(rng) + verb + obj, lambda: "把" + obj + "发给" + company_zh(rng), lambda: "去" + place_zh(rng) + verb + obj, lambda: "与" + company_zh(rng) + verb + obj,
    ])()


WITH_DUE = ["{o} {will|is going to|has to|must|should|needs to|agreed to|promised to|offered to|is to|shall|can|wants to|volunteered to} {t} {by|before|by|until} {d}.",
            "{o} will {t} {by|before} {d}.", "{o} to {t} {by|before} {d}.", "{t}: {o}, {d}.", "{t} - {o} - {d}", "{o}: {t} ({d})", "{o}: {t} by {d}", "{o}: {t}, due {d}", "@{o} {t} by {d}", "{o} - {t} - {d}", "Action: {o} to {t} by {d}.",
            "TODO: {t}, owner {o}, due {d}", "{o} takes on the task to {t}, due {d}.", "By {d}, {o} {will|must|should|has to} {t}.", "{o} said {he|she} would {t} by {d}.", "We asked {o} to {t} {by|before} {d}.", "{t} ({o}, {d})", "{t}. Owner: {o}. {Due|Deadline}: {d}.",
            "{o} {will|to} {t}; {deadline|due} {d}.", "{o} is responsible to {t} by {d}.", "{o} {will|must} {t}, {deadline is|deadline|due|at the latest} {d}.", "Before {d} {o} {needs to|should|will} {t}.", "{o} {will|should} {t} no later than {d}.", "{o} got the job to {t} by {d}.", "{o} => {t} => {d}", "{t} / {o} / {d}", "Next step: {o} will {t} by {d}."]
NO_DUE = ["{o} {will|has to|must|should|needs to|agreed to|promised to} {t}.", "{o} to {t}.", "{o}: {t}", "{t} - {o}", "{t} ({o})", "We asked {o} to {t}.", "@{o} {t}", "Action: {o} to {t}.", "{o} will {t}, no date yet."]
WITH_DUE_ZH = ["{o}{负责|要|需要|将|会|应该|答应|承诺|必须|同意|来}在{d}{前|之前}{t}。", "{o}{负责|要|需要|将|会|必须}{t}，{d}{前|之前}完成。", "{o}{负责|要|将|会}{t}，截止{d}。", "{o}{d}{前|之前}{t}。", "{d}{前|之前}，{o}{负责|要|需要|必须}{t}。", "{o}：{t}（{d}）", "{o}：{t}，{d}{前|之前}", "{t}：{o}，{d}", "{t}（{o}，{d}）", "请{o}{在|于|}{d}{前|之前}{t}。",
               "由{o}{负责|来|}{t}，{截止日期|期限|截止时间|时限}{d}。", "{o}-{t}-{d}", "待办：{t}，负责人{o}，{截止|期限|}{d}。", "{o}说{他|她|}会在{d}{前|之前}{t}。", "我们请{o}{d}{前|之前}{t}。", "@{o} {d}前{t}", "{t}由{o}负责，{d}{前|之前}完成。", "{t}交给{o}，{d}{前|之前}完成。", "{o}{最晚|最迟}{d}{t}。", "{t} - {o} - {d}", "安排{o}{t}，{要求|最晚|务必|}{d}{前|之前}完成。", "{o}{在|于}{d}前{要|应|须|}{t}。", "{t}的任务由{o}承担，{d}{截止|完成|到期}。"]
NO_DUE_ZH = ["{o}{负责|要|需要|将|会|必须}{t}。", "{o}：{t}", "{t}（{o}）", "请{o}{t}。", "由{o}{负责|来}{t}。", "{t}由{o}负责。", "{o}{负责|要}{t}，时间未定。"]

VERB_EN = "{turn|convert|make|change|transform|put} {these|the|my|our|this|the following} {meeting notes|notes|minutes|meeting minutes|notes from our meeting|call notes|meeting log|team notes} into {a|an} {table|action table|table of action items|task table|action item table|to-do table|markdown table|table of tasks|table with task, owner and due date|list of tasks with owners and dates}"
WORDINGS = [VERB_EN] * 5 + [
    "{list|extract|find|collect|pull out|give me|get|show me|write down|pick out|summarise|identify} {the|all|all the|every} {action items|tasks|to-dos|action points|next steps|actions|todos|follow-ups} {from|in|of} {these|the|my|this} {meeting notes|notes|minutes|meeting|discussion|call|notes below}{| as a table| in a table|, with owner and due date|, owners and due dates| with owners and deadlines| in table form}",
    "{make|create|write|build|draw|produce|give me} {a|one} {table|markdown table|action table|task list|to-do list} {from|of|out of|based on|for} {these|the|this|my} {notes|meeting notes|minutes|meeting|stand-up|sync|action items}",
    "{who does what by when|who has to do what|who is doing what and when|what are the action items|what are the tasks|what needs to be done and by whom|which tasks were assigned|who owes what|what was agreed|what did we decide to do}{?| here?| in this meeting?| in these notes?}",
    "{meeting notes to table|minutes to table|action items|notes -> table|action item table|tasks, owners, due dates|meeting notes|meeting minutes|minutes|notes from today|to-dos from the meeting}",
    "{summarise|summarize|tabulate|organise|structure|process|sort out} {these|the|my|our|this} {meeting notes|notes|minutes|meeting|call}{| as action items| in a table| into tasks| as a table| as a task table}",
    "{task, owner, due date|a table with task, owner and due|owner and deadline for each task}"]
WORDINGS_ZH = ["把{这份|这段|下面的|以下|会议的|今天的|这个|我的|}{会议纪要|会议记录|纪要|记录|笔记|会议内容|例会记录|讨论}{整理成|转成|变成|做成|改成|转换为|写成|列成|归纳成}{一个|一张|}{表格|任务表|行动表|待办表|行动项表格|待办事项表格|任务清单|任务表格|待办清单}",
               "把{会议纪要|会议记录|纪要|下面的内容}{整理成|转成|变成|做成|写成}表格", "{列出|提取|找出|总结|归纳|汇总|整理|整理出|挑出}{会议纪要|会议记录|下面|这段话|以下内容|纪要|会议|这次会议}{中的|里的|的}{行动项|待办事项|任务|待办|工作安排|任务安排|分工}{|，用表格表示|，做成表格|，包括负责人和截止日期|，要有负责人和日期}",
               "{谁负责什么|谁在什么时候做什么|有哪些任务|会上定了哪些任务|有哪些待办事项|行动项有哪些|大家都要做什么|每个人的任务是什么}{？|，什么时候完成？|，请列表|}", "{会议纪要转表格|会议纪要|行动项|待办事项表格|任务、负责人、截止日期|会议记录|例会纪要|今日会议}",
               "根据{会议纪要|会议记录|下面的内容|纪要|这些笔记}{做|生成|写|列|画|给我|制作}{一个|一张|}{任务表|表格|待办表|行动表|清单}"]


LEADS = ["{These are|Here is|Below are|I have|I took|You find below} {the|my|some|our} {notes|minutes} {of|from} {the|our|a|this} {weekly |team |sales |morning |project |board |}{call|meeting|stand-up|session|review|discussion|planning}.", "We {had|just finished|held} a {call|meeting|session|planning meeting}.", "{I was|My boss was|We were} in a meeting {today|this morning|yesterday}.", "{Notes|Minutes} below."]
LEADS_ZH = ["{这是|下面是|附上|以下是}{今天|我们|本周|部门|项目组|}的{会议记录|会议纪要|讨论内容|例会笔记}。", "我们{刚|昨天|今天}开了{个|一个}{会|例会|讨论会}。", "{会议|例会}{开完了|结束了}。"]


def _fill(template, owner, task, date, rng):
    """Expand the {a|b} choices first: the fields themselves hold no braces."""
    marked = template.replace("{o}", "\x01").replace("{t}", "\x02").replace("{d}", "\x03")
    return pick(rng, marked).replace("\x01", owner).replace("\x02", task).replace("\x03", date or "")


def _notes(rng, zh):
    count = rng.choice([1, 2, 2, 3, 3, 3, 4, 4, 5])
    same = rng.random() < 0.4   # one style for the whole list, as people often do
    styles = (rng.choice(WITH_DUE_ZH if zh else WITH_DUE), rng.choice(NO_DUE_ZH if zh else NO_DUE))
    lines, rows = [], []
    for _ in range(count):
        owner, task = (person_zh if zh else person)(rng), (task_phrase_zh if zh else task_phrase)(rng)
        date = None if rng.random() < 0.12 else (due_zh if zh else due)(rng)
        pool = (WITH_DUE_ZH if zh else WITH_DUE) if date else (NO_DUE_ZH if zh else NO_DUE)
        template = styles[0 if date else 1] if same else rng.choice(pool)
        if not zh and template.startswith("{t}") and rng.random() < 0.5:
            task = task[0].upper() + task[1:]
        lines.append(_fill(template, owner, task, date, rng))
        rows.append(f"| {task} | {owner} | {date or '-'} |")
    return lines, rows


def sample(rng, zh=False):
    lines, rows = _notes(rng, zh)
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
        lines.insert(rng.randint(0, len(lines)), pick(rng, rng.choice(CHATTER_ZH if zh else CHATTER)))
    bullet = rng.choice(["", "", "- ", "* ", "• ", "n"])
    if bullet or any(line[-1] not in ".。" for line in lines) or rng.random() < 0.5:
        text = "\n".join((f"{i}. " if bullet == "n" else bullet) + line for i, line in enumerate(lines, 1))
    else:
        text = ("" if zh else " ").join(lines)
    if rng.random() < 0.15:
        text = ((f"{rng.choice(['项目', '部门', '团队', '周例'])}会，{due_zh(rng)}" if zh else
                 rng.choice([f"{rng.choice(['Team', 'Project', 'Weekly', 'Sales'])} meeting, {due(rng)}", f"Present: {person(rng)}, {person(rng)}", "Meeting notes"])) + "\n" + text)
    head = "| 任务 | 负责人 | 截止日期 |" if zh else "| Task | Owner | Due |"
    lead = pick(rng, rng.choice(LEADS_ZH if zh else LEADS)) if rng.random() < 0.2 else ""
    request = chinese(rng, pick(rng, rng.choice(WORDINGS_ZH))) if zh else english(rng, pick(rng, rng.choice(WORDINGS)))
    bare = pick(rng, rng.choice(WORDINGS_ZH if zh else WORDINGS))
    if bare[-1] in "?？" or rng.random() < 0.2:
        request = bare[0].upper() + bare[1:]
    if lead:
        request = lead + ("" if zh else " ") + request[0].upper() + request[1:]
    return join(rng, request, text, zh), head + "\n| --- | --- | --- |\n" + "\n".join(rows)
