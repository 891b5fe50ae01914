"""What marks a part as one of this wire, so that a later turn can send it back as it was."""

WIRE = "openai-responses"

HOSTED_CALLS = ("xs_call_", "ws_call_")
"""Ids of custom calls that xAI reports though its own servers run them: nobody else is to answer those."""
CALL_ITEMS = {"function_call": "arguments", "custom_tool_call": "input"}
"""Items that the caller is to answer, and the field that holds what the model wrote."""
