"""Why a request that holds to the OpenAPI document may get a 400 all the same: nothing else may.

No keyword of JSON Schema can say these things, or they depend on the model. Loaded by SCHEMATHESIS_HOOKS.
"""

import re

import schemathesis

CONTEXT = r"Expected (at most \d+ tokens|prompt and answer within the context)"
CALL_ID = r"messages\[\d+\]: Expected tool_call_id to be the id of a call in an earlier message\."
USE_ID = r"Expected the tool_use_id of an earlier tool_use\."
TOOL_NAMES = r"(tools: Expected each tool to have a name of its own|Expected tools of different names)"
TOOL_CHOICE = r"Expected tool_choice to name one of the tools\."
ONE_FORM = r"Expected one form of the reply, but [\w.]+ and [\w.]+ both ask for one\."
FORM = r"Expected a (schema that can be enforced|schema, or the JSON text of one|grammar|regular expression)"
MIN_TOKENS = r"Expected min_tokens to be a whole number from 0 to \d+"
BIAS = r"Expected an id of logit_bias to be a whole number from 0 to \d+"
OPTIONS = r"Expected chat_template_kwargs without"
NO_MESSAGE = r"Expected a list of 1 to 10000 messages, but got 0"
ANSWERS = r"Expected at most 256 answers in all"
GUARD = r"Expected mode score: this server has no guard"
NO_TOKEN = r"Expected (prompt|input) to have at least one token"
DIMENSIONS = r"Expected dimensions of at most 256\."

CONVERSATION = [CONTEXT, TOOL_NAMES, TOOL_CHOICE, ONE_FORM, FORM]
REASONS = {
    "POST /v1/chat/completions": [*CONVERSATION, CALL_ID, MIN_TOKENS, BIAS, OPTIONS, GUARD],
    "POST /v1/completions": [CONTEXT, ONE_FORM, FORM, MIN_TOKENS, BIAS, ANSWERS, NO_TOKEN, GUARD],
    "POST /v1/responses": [*CONVERSATION, NO_MESSAGE, GUARD],
    "POST /v1/messages": [*CONVERSATION, USE_ID],
    "POST /v1/messages/count_tokens": [TOOL_NAMES, TOOL_CHOICE, USE_ID],
    "POST /v1/embeddings": [CONTEXT, NO_TOKEN, DIMENSIONS],
    "POST /tokenize": [TOOL_NAMES, CALL_ID, OPTIONS],
}


@schemathesis.check
def refused_for_a_documented_reason(ctx, response, case):
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 400:
        return
    message = response.json()["error"]["message"]
    if not any(re.match(reason, message) for reason in REASONS.get(case.operation.label, [])):
        raise AssertionError(f"No documented reason for {case.operation.label}: {message}")
