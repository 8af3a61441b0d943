/**
 * Places that addresses start with, and words that streets end with.
 * @module
 */

const names = (
  '北京 天津 上海 重庆 河北省 山西省 辽宁省 吉林省 黑龙江省 江苏省 浙江省 安徽省 福建省 江西省 山东省 河南省 ' +
  '湖北省 湖南省 广东省 海南省 四川省 贵州省 云南省 陕西省 甘肃省 青海省 台湾省 内蒙古 广西 西藏 宁夏 新疆 香港 澳门 ' +
  '广州市 深圳市 杭州市 南京市 苏州市 成都市 武汉市 西安市 长沙市 郑州市 青岛市 济南市 大连市 沈阳市 宁波市 厦门市 ' +
  '福州市 合肥市 昆明市 贵阳市 南昌市 太原市 石家庄 哈尔滨 长春市 兰州市 西宁市 银川市 南宁市 海口市 无锡市 佛山市 ' +
  '东莞市 珠海市 温州市 常州市 徐州市 烟台市 泉州市 中山市 惠州市 嘉兴市 绍兴市 台州市 金华市 南通市 扬州市 洛阳市 ' +
  '江苏 浙江 广东 山东 河南 河北 湖南 湖北 四川 福建 安徽 辽宁 江西 陕西 云南 贵州 ' +
  '广州 深圳 杭州 南京 苏州 成都 武汉 西安 长沙 郑州 青岛 济南 宁波 厦门 ' +
  '海淀区 朝阳区 西城区 东城区 丰台区 浦东新区 徐汇区 静安区 黄浦区 长宁区 天河区 越秀区 南山区 福田区 宝安区 龙岗区 ' +
  '罗湖区 西湖区 余杭区 滨江区 鼓楼区 玄武区 江宁区 武侯区 锦江区 高新区 雁塔区 江汉区 洪山区 渝中区'
).split(' ')

/** First character → places that start with it. */
export const places: ReadonlyMap<string, readonly string[]> = new Map(
  names.map(name => [name[0]!, names.filter(other => other[0] === name[0])]),
)

export const streetWords = new Set(
  (
    'street st avenue ave road rd boulevard blvd lane ln drive dr court ct place pl square sq ' +
    'terrace ter way parkway pkwy circle cir highway hwy crescent close gardens row mews ' +
    'loop trail trl plaza plz alley quay'
  ).split(' '),
)

export const unitWords = new Set('apt apartment suite ste unit flat floor fl room rm'.split(' '))
