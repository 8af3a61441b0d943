/** Pieces that make a text slow where they stand one after the other. */
export const hostilePieces = [
  'Northwind ',
  'Northwind buy ',
  'deposit ',
  'deposit $9,500 ',
  'received 5,000 USD send 4,900 USD ',
  'Mohammed Hussein ',
  'Prokhorenko ',
  'split deposit report ',
  'rent your rent your ',
  '一二三四五六七八九十',
  '1,111,111,111',
  '存'.repeat(20),
  'a\u0301',
  '9',
  '1 ',
  'x',
]
