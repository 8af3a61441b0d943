"""The openai package, unmodified, against argv[1] with key argv[2]; prints one JSON object."""
import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key=sys.argv[2], max_retries=0)
model = client.models.list().data[0].id
ask = dict(model=model, messages=[{"role": "user", "content": "Hello"}], max_tokens=12, temperature=0)
whole = client.chat.completions.create(**ask)
stream = client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True})
chunks = list(stream)
errors = {}
for name, call in {
    "temperature": lambda: client.chat.completions.create(**{**ask, "temperature": 9}),
    "model": lambda: client.chat.completions.create(**{**ask, "model": "other"}),
    "key": lambda: openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="no", max_retries=0).models.list(),
}.items():
    try:
        call()
    except openai.APIStatusError as error:
        errors[name] = type(error).__name__
print(
    json.dumps(
        {
            "text": whole.choices[0].message.content,
            "streamed": "".join(c.choices[0].delta.content or "" for c in chunks if c.choices),
            "tokens": chunks[-1].usage.completion_tokens,
            "embedding": len(client.embeddings.create(model=model, input="a").data[0].embedding),
            "response": client.responses.create(
                model=model, input="Hello", max_output_tokens=12, temperature=0
            ).output_text,
            "errors": errors,
        }
    )
)
