// CommonJS works the same way.
const { loadModel } = require('conclave')

async function main() {
  const model = await loadModel()
  const { text } = await model.chat([{ role: 'user', content: 'Hello!' }]).result()
  console.log(text)
  await model.dispose()
}

main()
