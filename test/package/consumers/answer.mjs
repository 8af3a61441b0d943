// What each way of loading the package must give: the same answer, and errors of the same class.
export async function answer({ ConclaveError, loadModel }, { createGuard }) {
  const refused = await loadModel('./nowhere').catch(error => error)
  const model = await loadModel()
  const messages = [{ role: 'user', content: 'Sort these words: pear, apple, fig' }]
  const options = { temperature: 0, maxTokens: 12 }
  let streamed = ''
  for await (const { text } of model.chat(messages, options)) streamed += text
  const { text, tokenIds } = await model.chat(messages, options).result()
  await model.dispose()
  const { text: masked } = createGuard('default').scan('Write to anna@example.com')
  let unknown
  try {
    createGuard({ categories: { nothing: 'mask' } })
  } catch (error) {
    unknown = error
  }
  const guard = { masked, refused: unknown instanceof ConclaveError }
  return { guard, streamed, text, tokenIds, refused: refused instanceof ConclaveError }
}
