const conclave = require('conclave')

import('./answer.mjs').then(async ({ answer }) => {
  console.log(JSON.stringify(await answer(conclave)))
})
