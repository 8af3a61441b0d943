const conclave = require('conclave')
const guard = require('conclave/guard')

import('./answer.mjs').then(async ({ answer }) => {
  console.log(JSON.stringify(await answer(conclave, guard)))
})
