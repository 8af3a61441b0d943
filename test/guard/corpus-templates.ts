// Sentences with slots. Rules are tuned on the first half; the second was measured once, then
// its errors were mended; the third, with values of its own, was measured once after that. The
// fourth is written by hand, values and all.

import { freshTemplates } from './corpus-fresh.ts'
import { reviewedTexts } from './corpus-reviewed.ts'

export type Half = 'development' | 'held-out' | 'fresh' | 'reviewed'

export const templates = new Map<Half, readonly string[]>([
  ['fresh', freshTemplates],
  ['reviewed', reviewedTexts],
  [
    'development',
    [
      // Chinese
      '我叫{zh_name}，身份证号码是{cn_resident_id}，请帮我办理。',
      '请把款打到这张卡：{bank_card}，户名{zh_name}。',
      '联系电话{phone}，邮箱{email}，有事随时联系。',
      '公司统一社会信用代码为{cn_social_credit_code}，注册地址：{zh_address}。',
      '收件人：{zh_name}，电话：{phone}，地址：{zh_address}，请尽快发货。',
      '护照号{travel_document}，香港身份证{hk_id}，台湾身份证{tw_id}。',
      '订单号{not_id}已于{not_time}发货，运单号{not_order}，金额{not_amount}元。',
      '今天下午三点开会，讨论第一版方案，一共有二十三个问题需要解决。',
      '{zh_name}先生昨天来过，他住在{zh_address}，说下周再来。',
      '我是安全工程师，项目经理让我把方案发给客户，高度机密的部分请先删掉。',
      '1. 苹果 12 斤 2. 香蕉 138 根 3. 共 {not_amount} 元，周一上午 10:30-11:45 送到上海。',
      '会员积分 13500，余额 {not_amount}，批次号 {not_order}，有效期至 {not_time}。',
      // English
      'Dear Customer, thank you for choosing Acme Cloud. Your ticket {not_uuid} was closed.',
      'ISBN 978-7-111-12345-6, 3 Main Points, 2024 Annual Report, section 4.5.6.',
      'My name is {en_name} and my social security number is {us_ssn}.',
      'Please charge {bank_card} and send the receipt to {email}.',
      'Wire the money to IBAN {iban}, thanks.',
      'Call me at {phone} or write to {email} before Friday.',
      'Dear Mr. {en_name}, your parcel to {en_address} has left.',
      'Order {not_id} shipped on {not_time}; total {not_amount} USD, tracking {not_order}.',
      'The build passed with {not_package} on {not_version}, commit {not_hash}.',
      'Patient: {en_name}, phone {phone}, lives at {en_address}.',
      // Code
      'const key = "{secret}" // do not commit',
      'password: "{password}"\nhost: {ipv4}\n',
      '{ "email": "{email}", "phone": "{phone}", "id": "{not_uuid}" }',
      'curl -H "Authorization: Bearer {secret}" https://api.example.com/v1/items?id={not_order}',
      'def area(r): return 3.14159 * r ** 2  # {not_version}',
      // Logs
      '{not_time} INFO login from {ipv4} mac={mac_address} session={not_uuid}',
      '{not_time} WARN peer {ipv6} sent {not_amount} bytes, trace {not_hash}',
      // Chats, mixed
      'user: 我的 card number 是 {bank_card}，please check\nbot: 好的，已收到。',
      'A: what is your mail? B: {email}, 手机 {phone}',
      'hi, 这是{zh_name}的 ID：{cn_resident_id} and SSN {us_ssn}',
      // Chinese
      '客户姓名：{zh_name}；证件号：{cn_resident_id}；手机：{phone}。',
      '退款请退到尾号不变的银行卡{bank_card}里，谢谢！',
      '贵司税号{cn_social_credit_code}核对无误，开票邮箱{email}。',
      '我是{zh_name}，家住{zh_address}，想咨询一下物业费。',
      '申请人{zh_name}（护照{travel_document}）于{not_time}提交材料，受理编号{not_id}。',
      '港澳同事的证件{hk_id}、台湾同事的{tw_id}都录入系统了。',
      '服务器{ipv4}的密码：{password}，用完请改掉。',
      '客户对新版本很满意，我们的老师和同学周末去公园，一共 24 人，花了 {not_amount}。',
      '学生证编号{not_order}，成绩 98.5，排名第十二，班主任说下周二开家长会。',
      '一二三四五六七八九十，从头再来；第一百二十三条规定详见附件 {not_version}。',
      '快递{not_order}昨天到了，花费{not_amount}元，编号{not_uuid}。',
      '联系人{zh_name}女士，座机{phone}，办公地点在{zh_address}。',
      // English
      'Hello, this is {en_name}. You can reach me on {phone}.',
      "The customer's SSN is {us_ssn}; the card on file is {bank_card}.",
      'Beneficiary: {en_name}, account {iban}, reference {not_order}.',
      'We live at {en_address} and our e-mail is {email}.',
      'Her passport number is {travel_document}, valid until {not_time}.',
      'Hi Team, please read Chapter 7 of the Blue Book by Monday and tell Marketing.',
      'Lat 31.230416, long 121.473701; 5 Red Apples and 10 Green Street Signs were counted.',
      'Invoice {not_order} of {not_time}: 12 x {not_amount} = see attachment 0042-17-9.',
      'Release {not_version} fixes {not_hash}; see ticket {not_id}.',
      'Sincerely,\n{en_name}\n{email}',
      // Code
      'export API_TOKEN={secret}\nexport DB=postgres://admin:{password}@{ipv4}/main',
      '<contact mail="{email}" tel="{phone}" ref="{not_uuid}"/>',
      'client = Client(api_key="{secret}", retries=3)  # {not_package}',
      "INSERT INTO users VALUES ('{cn_resident_id}', '{bank_card}', {not_order});",
      'for i in range(10): print(i, 2 ** i, "{not_version}")',
      // Logs
      '[{not_time}] accepted {ipv4}:443 -> {ipv6} hw {mac_address}',
      'level=error ts={not_time} user={email} msg="card {bank_card} declined" id={not_uuid}',
      // Chats, mixed
      'me: 身份证 {cn_resident_id}\nyou: got it, and your phone?\nme: {phone}',
      'Q: IBAN? A: {iban}. Q: 税号? A: {cn_social_credit_code}',
      '@{not_package} 帮我看下 {email} 这个 account，owner 是 Mr. {en_name}',
      'token 泄露了: {secret} 请马上 rotate',
    ],
  ],
  [
    'held-out',
    [
      // Chinese
      '您好，麻烦把快递改寄到{zh_address}，收货人{zh_name}，电话换成{phone}。',
      '经查，被告{zh_name}（公民身份号码{cn_resident_id}）拒不履行判决。',
      '转账失败：付款卡{bank_card}余额不足，请联系{zh_name}女士处理。',
      '新员工{zh_name}的工号是{not_order}，企业邮箱{email}，分机另行通知。',
      '发票抬头已改，税号 {cn_social_credit_code}，地址 {zh_address}，电话 {phone}',
      '乘客证件：护照 {travel_document}；同行人台湾身份证 {tw_id}；香港同事 {hk_id}。',
      '昨晚{not_time}左右系统重启了三次，版本{not_version}，暂未发现数据丢失。',
      '高速公路限速一百二十公里，上海路段施工，江西方向绕行，预计周五恢复。',
      '本季度销售额 {not_amount} 元，同比增长 12.5%，单号 {not_id} 的退货已处理。',
      // English
      'Could you ask {en_name} to sign? The office is at {en_address}.',
      'Hi, I am {en_name} and I lost my card {bank_card} yesterday.',
      'Refund to {iban} is pending, my mobile is {phone}.',
      'Employee: {en_name}, SSN {us_ssn}, email {email}, start {not_time}.',
      'She flew with passport {travel_document} and paid {not_amount} at the desk.',
      'Ship it to {en_address}; if nobody answers ring {phone}.',
      'In Chapter 12 Professor Plum explains why 7 Old Bridges Road trips cost {not_amount}.',
      'Serial {not_order}, batch {not_id}, checksum {not_hash}: all within tolerance.',
      // Code
      'AWS_SECRET="{secret}"; REGION=eu-west-1',
      'redis://default:{password}@{ipv4}:6379/0',
      'git clone https://bot:{secret}@git.example.com/team/repo.git',
      "const user = { name: '{en_name}', mail: '{email}', uuid: '{not_uuid}' }",
      'assert luhn("{bank_card}") and not luhn("{not_order}")',
      'npm install {not_package} && echo {not_version} > VERSION',
      // Logs
      '{ipv4} - - [{not_time}] "GET /u/{not_uuid}" 200 5316 "{email}"',
      'dhcpd: DHCPACK on {ipv4} to {mac_address} via eth0 ({not_time})',
      '{not_time} DEBUG payload={"idcard":"{cn_resident_id}","mobile":"{phone}"}',
      // Chats, mixed
      '小王：我的卡号发你了 {bank_card}\n我：ok, IBAN 呢？\n小王：{iban}',
      'pls call {zh_name}先生 at {phone}, his ID is {cn_resident_id} 谢谢',
      'bot> 请输入税号\nuser> {cn_social_credit_code}\nbot> 再给我 SSN\nuser> {us_ssn}',
      'my pwd: {password} 别告诉别人, server 是 {ipv6}',
    ],
  ],
])
