// Reads so many streams at once, a first time to warm both sides up and a second when told.
const [url, count] = process.argv.slice(2)

async function read() {
  let bytes = 0
  const one = async () => {
    const response = await fetch(url)
    for await (const piece of response.body) bytes += piece.length
  }
  await Promise.all(Array.from({ length: Number(count) }, one))
  return bytes
}

await read()
process.once('message', async () => process.send({ bytes: await read() }))
process.send({})
