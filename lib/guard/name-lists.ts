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
    'sophie lucy chloe clara nora ivan omar ahmed mohammed fatima priya raj anil sanjay hiroshi yuki',
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
