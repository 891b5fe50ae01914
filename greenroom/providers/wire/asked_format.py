"""The form of the answer that a request asks for, on any wire."""

from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest, ResponseFormat

_OBJECT = ResponseFormat(type="json_object")


def format_asked(request: ChatRequest, options: StreamingOptions) -> ResponseFormat | None:
    """`options.json_mode` asks for an object where the request names no form of JSON itself."""
    given = request.response_format
    if options.json_mode and (given is None or given.type == "text"):
        return _OBJECT
    return given
