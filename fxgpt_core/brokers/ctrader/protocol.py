"""The messages of the cTrader Open API, built from the table `protocol.json` when this module is imported.

The table holds facts only, as of Spotware's release 91 (see NOTICE): of each message its fields as `number label type name
[= default]`, of each enum its names and numbers. `packed` is a repeated field in its packed coding. The classes live in a
descriptor pool of their own, so that they cannot clash with another set of the same messages in one process.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from fxgpt_core.errors import BadInputError, SourceAnswerError

TABLE = json.loads(files("fxgpt_core.brokers.ctrader").joinpath("protocol.json").read_text(encoding="utf-8"))
LABELS = {
    "optional": FieldDescriptorProto.LABEL_OPTIONAL,
    "required": FieldDescriptorProto.LABEL_REQUIRED,
    "repeated": FieldDescriptorProto.LABEL_REPEATED,
    "packed": FieldDescriptorProto.LABEL_REPEATED,
}
FILE = "fxgpt/ctrader.proto"


@dataclass(frozen=True)
class Envelope:
    """One received frame: the message with its name, and the id that its request had (empty for none).

    `name` is empty for a payload type that the table does not know; `message` is then the undecoded ProtoMessage.
    """

    name: str
    message: Message
    client_msg_id: str
    payload_type: int


def new(name: str, **fields: Any) -> Message:
    """A message by name and values; a nested message as a dict, a repeated field as a list, None leaves a field out.

    Raises `BadInputError` for a message or field that does not exist and for a value of the wrong type.
    """
    try:
        return _class(name)(**fields)
    except (ValueError, TypeError) as error:
        raise BadInputError(f"{name} cannot be made: {error}; protocol.json tells its fields and their types") from error


def encode(message: Message, client_msg_id: str = "") -> bytes:
    """The bytes of a ProtoMessage around a message, without the length before it.

    Raises `BadInputError` naming the required fields that are missing.
    """
    name = message.DESCRIPTOR.name
    if name not in PAYLOAD_TYPES:
        raise BadInputError(f"{name} is a part of messages and has no payload type; send a message that contains it")
    if not message.IsInitialized():
        raise BadInputError(f"{name} lacks {', '.join(message.FindInitializationErrors())}; give every required field")
    wrapper = _class("ProtoMessage")(payloadType=PAYLOAD_TYPES[name], payload=message.SerializePartialToString())
    if client_msg_id:
        wrapper.clientMsgId = client_msg_id
    return bytes(wrapper.SerializeToString())


def decode(data: bytes) -> Envelope:
    """The message in the bytes of a ProtoMessage; fields beyond the table are tolerated, as the venue sends some.

    A value beyond its enum reads as an absent field. Raises `SourceAnswerError` for bytes that are no such message, and for one
    that lacks a required field.
    """
    wrapper = _parsed("ProtoMessage", data)
    name = NAMES.get(wrapper.payloadType, "")
    message = _parsed(name, wrapper.payload) if name else wrapper
    return Envelope(name, message, wrapper.clientMsgId, wrapper.payloadType)


def value(enum: str, name: str) -> int:
    """The number of an enum's name. Raises `BadInputError` when there is none."""
    try:
        return int(_enum(enum).values_by_name[name].number)
    except KeyError:
        raise BadInputError(f"{enum} has no {name}; it has {', '.join(_enum(enum).values_by_name)}") from None


def name_of(enum: str, number: int) -> str:
    """The name of an enum's number. Raises `BadInputError` when there is none."""
    try:
        return str(_enum(enum).values_by_number[number].name)
    except KeyError:
        raise BadInputError(f"{enum} has no {number}; it has {sorted(_enum(enum).values_by_number)}") from None


def _parsed(name: str, data: bytes) -> Message:
    message = _class(name)()
    try:
        message.MergeFromString(data)
    except DecodeError as error:
        # Its own words may repeat what was received, and the length is what helps.
        raise SourceAnswerError(f"{len(data)} received bytes are no {name}; the connection is not to be trusted") from error
    if not message.IsInitialized():
        missing = ", ".join(message.FindInitializationErrors())
        raise SourceAnswerError(f"a received {name} lacks {missing}; the venue broke its own protocol")
    return message


def _pool() -> DescriptorPool:
    file = FileDescriptorProto(name=FILE, syntax="proto2")
    for name, numbers in TABLE["enums"].items():
        file.enum_type.add(name=name, value=[{"name": each, "number": number} for each, number in numbers.items()])
    for name, fields in TABLE["messages"].items():
        file.message_type.add(name=name, field=[_field(line) for line in fields])
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _field(line: str) -> FieldDescriptorProto:
    facts, _, default = line.partition(" = ")
    number, label, kind, name = facts.split()
    field = FieldDescriptorProto(name=name, number=int(number), label=LABELS[label])
    if kind in TABLE["enums"]:
        field.type, field.type_name = FieldDescriptorProto.TYPE_ENUM, kind
    elif kind in TABLE["messages"]:
        field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, kind
    else:
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    if default:
        field.default_value = default
    if label == "packed":
        field.options.packed = True
    return field


POOL = _pool()
CLASSES = {name: GetMessageClass(POOL.FindMessageTypeByName(name)) for name in TABLE["messages"]}
PAYLOAD_TYPES: dict[str, int] = {
    name: each.DESCRIPTOR.fields_by_name["payloadType"].default_value
    for name, each in CLASSES.items()
    if "payloadType" in each.DESCRIPTOR.fields_by_name and each.DESCRIPTOR.fields_by_name["payloadType"].has_default_value
}
NAMES = {number: name for name, number in PAYLOAD_TYPES.items()}


def _class(name: str) -> Any:
    try:
        return CLASSES[name]
    except KeyError:
        raise BadInputError(f"there is no message {name!r}; protocol.json tells all of them") from None


def _enum(name: str) -> EnumDescriptor:
    if name not in TABLE["enums"]:
        raise BadInputError(f"there is no enum {name!r}; protocol.json tells all of them")
    return POOL.FindEnumTypeByName(name)
