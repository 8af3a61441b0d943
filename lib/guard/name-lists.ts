/**
 * Surnames, given names, and capitalised words that are neither.
 * @module
 */

const units = (text: string): Set<number> => new Set([...text].map(unit => unit.charCodeAt(0)))
const words = (text: string): Set<string> => new Set(text.split(/\s+/))

/** First characters of Chinese surnames. */
export const surnames = units(
  '赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕张孔曹严华金魏陶姜戚谢邹喻柏窦章苏潘葛范彭郎鲁韦马苗凤' +
    '花方俞任袁柳鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安乐傅卞康伍余顾孟黄穆萧尹姚邵汪祁毛狄戴宋庞熊舒屈' +
    '祝董梁杜阮蓝闵季贾路江童颜郭梅林钟徐邱骆高夏蔡田樊胡凌霍虞万柯管卢莫房解应宗丁宣邓郁单洪包左石崔' +
    '吉龚程邢裴陆翁荀甄曲封储段焦侯宁仇祖武刘景詹龙叶黎白蒲卓蔺池乔翟谭姬申冉桑牛尚温庄晏柴阎艾向易廖' +
    '耿匡欧沃聂晁辛简饶曾关司诸上东慕令轩端皇尉公',
)

export const twoPartSurnames = words(
  '欧阳 司马 上官 诸葛 东方 慕容 令狐 轩辕 端木 皇甫 尉迟 公孙 司徒 司空 夏侯',
)

/** Words of two characters that start like a name. */
export const notNames = words(
  '安全 安排 安装 安静 安心 包括 包含 包装 白色 白天 毕业 毕竟 常见 常用 成为 成功 程序 程度 单位 单独 单元 ' +
    '东西 东北 东部 段落 方便 方法 方案 方面 方向 方式 费用 封面 封闭 高级 高兴 高中 高度 高层 高管 高铁 高效 高考 ' +
    '公司 公开 公民 公务 公共 公园 关于 关系 关键 关注 关闭 管理 管道 广告 贵州 贵司 何时 何人 何种 和平 洪水 ' +
    '胡说 华为 华人 华东 华北 黄色 黄金 季度 计划 简单 简历 江苏 江西 金融 金额 金属 康复 蓝色 蓝牙 乐观 乐意 ' +
    '雷达 黎明 连接 林业 凌晨 龙头 陆续 路上 路线 路由 马上 马路 毛病 梅花 莫名 牛奶 欧洲 欧元 曲线 钱包 任何 ' +
    '任务 任意 上海 上级 上面 上传 上次 上周 上线 上门 舒服 司机 司法 苏州 唐代 万一 万元 王牌 温度 温馨 ' +
    '武汉 武器 夏天 夏季 向前 项目 谢谢 辛苦 熊猫 许多 许可 宣传 严格 严重 叶子 易于 应该 应用 应急 应届 余额 曾经 ' +
    '张开 张贴 章程 郑重 钟头 周末 周五 周一 周二 周三 周四 周六 周日 周年 周期 周边 诸多 诸位 祝贺 祝福 祝您 庄严 ' +
    '卓越 宗教 祖国 左右 石油 石头 解决 解释 解除 房子 房间 房东 房产 花费 花园 景点 景色 焦虑 宁波 宁静 储蓄 储存 ' +
    '柴油 童年 田径 水 古代 平台 平时 明天 全部 全体 贾 段时 时间 时代 时候 向来 经常 家庭 家人 国家 国际 文件 文档 ' +
    '党员 强调 成都 成员 成本 成立 边界 边缘 麦克 车辆 元素 戴上 贺卡 顾客 顾问 梁上 纪律 纪念 路过 容易 ' +
    '申请 尚未 尚且 易懂 易用 桑 农业 农村 甘肃 关心 关联 关机 令人 令牌 ' +
    '华南 华中 华西 江北 江南 储备 应收 应付 常务 常任 常驻 任课 任职 成人 金牌 通讯 高温 高新 高职 高危 文艺 文娱 车间 黄牌',
)

/** Surnames of Chinese people in Latin letters. */
export const pinyinSurnames = words(
  'zhang wang li liu chen yang zhao huang zhou wu xu sun hu zhu gao lin he guo ma luo liang song ' +
    'zheng xie han tang feng yu dong xiao cheng cao yuan deng xu fu shen zeng peng lu su jiang cai ' +
    'jia ding wei xue ye yan pan du dai xia zhong tian ren fan fang shi yao tan liao zou xiong jin ' +
    'hao kong bai cui kang mao qiu qin gu hou shao meng long wan duan qian tang yin li chang wong ' +
    'chan lee cheung lam ng chow tsang kwok leung ho',
)

/** Given names that many people have. */
export const givenNames = words(
  'james john robert michael william david richard joseph thomas charles christopher daniel matthew ' +
    'anthony mark donald steven paul andrew joshua kenneth kevin brian george edward ronald timothy ' +
    'jason jeffrey ryan jacob gary nicholas eric jonathan stephen larry justin scott brandon ' +
    'benjamin samuel gregory frank alexander raymond patrick jack dennis jerry tyler aaron jose adam ' +
    'nathan henry douglas zachary peter kyle walter ethan jeremy harold keith christian roger noah ' +
    'gerald carl terry sean austin arthur lawrence jesse dylan bryan joe jordan billy bruce albert ' +
    'willie gabriel logan alan juan wayne roy ralph randy eugene vincent russell louis philip bobby ' +
    'mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty ' +
    'sandra margaret ashley kimberly emily donna michelle carol amanda melissa deborah stephanie ' +
    'rebecca sharon laura cynthia dorothy amy kathleen angela shirley emma brenda pamela nicole anna ' +
    'samantha katherine christine helen debra rachel carolyn janet maria catherine heather diane ' +
    'olivia julie joyce victoria ruth virginia lauren kelly christina joan evelyn judith andrea ' +
    'hannah megan cheryl jacqueline martha madison teresa gloria sara janice ann kathryn abigail ' +
    'sophia frances jean alice judy isabella julia grace amber denise danielle marilyn beverly ' +
    'charlotte natalie theresa diana brittany doris kayla alexis lori marie oliver harry oscar leo ' +
    'sophie lucy chloe clara nora ivan omar ahmed mohammed fatima priya raj anil sanjay hiroshi yuki ' +
    'hans klaus jürgen wolfgang dieter uwe stefan matthias sebastian lukas felix jonas lena katrin anja ' +
    'petra heike pierre jacques françois michel philippe antoine julien nicolas camille élodie chloé ' +
    'marco giovanni giuseppe luca matteo alessandro francesca giulia elena carlos josé miguel antonio ' +
    'fernando javier diego pedro rafael luis ana carmen lucía isabel sofía joão paulo tiago lars erik ' +
    'sven bjørn anders søren ingrid astrid freya piotr tomasz jan agnieszka katarzyna dmitri sergei ' +
    'vladimir olga natasha svetlana mehmet ayşe mustafa hassan ali ibrahim yusuf khalid layla aisha ' +
    'amina zainab arjun rahul vikram deepak ravi suresh kavita anjali neha pooja kenji takashi naoko ' +
    'akira minh linh thi emma mia liam lily zoe ella ruby evie amelia george jonathan simon martin graham',
)

/** Capitalised words that follow a greeting or a label and name nobody. */
export const commonWords = words(
  'i the this that and but we please thanks thank you is my your it in on at for to from with all ' +
    'team sir madam customer customers support world there everyone folks friend friends colleague ' +
    'colleagues monday tuesday wednesday thursday friday saturday sunday january february march ' +
    'april may june july august september october november december he she they his her their our a ' +
    'an of or if when what who where how why yes no not unknown none null true false test admin ' +
    'root user guest anonymous email phone address name date id number',
)
