"""The table of messages: every message survives the wire with every field filled, by the coding protobuf documents."""

from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.errors import BadInputError, SourceAnswerError

TEXT_TYPES = {FieldDescriptor.TYPE_STRING: "täxt", FieldDescriptor.TYPE_BYTES: b"\x00\xff", FieldDescriptor.TYPE_BOOL: True}
NUMBERS = {
    FieldDescriptor.TYPE_DOUBLE: 1.10001,
    FieldDescriptor.TYPE_INT32: -(2**31),
    FieldDescriptor.TYPE_SINT32: -(2**31),
    FieldDescriptor.TYPE_UINT32: 2**32 - 1,
    FieldDescriptor.TYPE_INT64: -(2**63),
    FieldDescriptor.TYPE_SINT64: -(2**63),
    FieldDescriptor.TYPE_UINT64: 2**64 - 1,
}


def filled(descriptor: Any) -> dict[str, Any]:
    """A value for every field of a message, at the far end of its type."""
    return {field.name: _value(field) for field in descriptor.fields if field.name != "payloadType"}


def _value(field: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        one = filled(field.message_type)
    elif field.type == FieldDescriptor.TYPE_ENUM:
        one = field.enum_type.values[-1].number
    else:
        one = (TEXT_TYPES | NUMBERS)[field.type]
    return [one, one] if field.is_repeated else one


@pytest.mark.parametrize("name", sorted(protocol.PAYLOAD_TYPES))
def test_a_message_with_every_field_filled_survives_the_wire(name):
    fields = filled(protocol.CLASSES[name].DESCRIPTOR)
    message = protocol.new(name, **fields)
    received = protocol.decode(protocol.encode(message, "an-id"))
    assert (received.name, received.client_msg_id) == (name, "an-id")
    assert received.payload_type == protocol.PAYLOAD_TYPES[name]
    assert received.message == message
    assert {field.name for field, _ in received.message.ListFields()} == set(fields)


def test_the_bytes_are_those_the_coding_demands():
    # Tag = number << 3 | wire type; 2100 = 0xb4 0x10 as a varint (0x834: low seven bits 0x34, then 0x10).
    message = protocol.new("ProtoOAApplicationAuthReq", clientId="ab", clientSecret="c")
    assert protocol.encode(message, "7") == b"\x08\xb4\x10" + b"\x12\x07" + b"\x12\x02ab" + b"\x1a\x01c" + b"\x1a\x017"
    assert protocol.encode(protocol.new("ProtoHeartbeatEvent")) == b"\x08\x33\x12\x00"


def test_a_repeated_packed_field_is_one_run_of_bytes():
    message = protocol.new("ProtoOADepthEvent", ctidTraderAccountId=1, symbolId=2, deletedQuotes=[3, 4])
    assert b"\x2a\x02\x03\x04" in protocol.encode(message)


def test_payload_types_are_unique_and_every_request_response_and_event_has_one():
    assert len(set(protocol.PAYLOAD_TYPES.values())) == len(protocol.PAYLOAD_TYPES)
    ends = ("Req", "Res", "Event")
    assert [name for name in protocol.CLASSES if name.endswith(ends) and name not in protocol.PAYLOAD_TYPES] == []
    assert set(protocol.PAYLOAD_TYPES.values()) <= {
        *protocol.TABLE["enums"]["ProtoOAPayloadType"].values(),
        *protocol.TABLE["enums"]["ProtoPayloadType"].values(),
    }


@pytest.mark.parametrize(
    ("name", "number"),
    [("ProtoErrorRes", 50), ("ProtoHeartbeatEvent", 51), ("ProtoOANewOrderReq", 2106), ("ProtoOAExecutionEvent", 2126),
     ("ProtoOASpotEvent", 2131), ("ProtoOARefreshTokenReq", 2173), ("ProtoOAGetPositionUnrealizedPnLRes", 2188)],
)  # fmt: skip
def test_payload_types_are_the_documented_ones(name, number):
    assert protocol.PAYLOAD_TYPES[name] == number


def test_net_profit_has_room_for_64_bits():
    # The vendor's own package reads 100.53099944 at eight digits as 14.63165352.
    position = {"positionId": 1, "grossUnrealizedPnL": 10_053_099_944, "netUnrealizedPnL": 10_053_099_944}
    sent = protocol.new(
        "ProtoOAGetPositionUnrealizedPnLRes", ctidTraderAccountId=1, moneyDigits=8, positionUnrealizedPnL=[position]
    )
    assert protocol.decode(protocol.encode(sent)).message.positionUnrealizedPnL[0].netUnrealizedPnL == 10_053_099_944


def test_a_missing_required_field_is_named_before_anything_is_sent():
    message = protocol.new("ProtoOANewOrderReq", ctidTraderAccountId=1, symbolId=1, orderType=1)
    with pytest.raises(BadInputError, match="ProtoOANewOrderReq lacks tradeSide, volume"):
        protocol.encode(message)


def test_a_received_message_without_a_required_field_is_refused():
    wrapper = protocol.new("ProtoMessage", payloadType=2103, payload=b"")
    with pytest.raises(SourceAnswerError, match="ProtoOAAccountAuthRes lacks ctidTraderAccountId"):
        protocol.decode(wrapper.SerializeToString())


def test_fields_beyond_the_table_are_tolerated():
    # Field 19 (0x98 0x01) and 23 (0xb8 0x01) as varints: the venue sends such ones on deals and traders.
    known = protocol.new("ProtoOAAccountAuthRes", ctidTraderAccountId=7).SerializeToString()
    wrapper = protocol.new("ProtoMessage", payloadType=2103, payload=known + b"\x98\x01\x05\xb8\x01\x06")
    assert protocol.decode(wrapper.SerializeToString()).message.ctidTraderAccountId == 7


def test_an_unknown_payload_type_has_no_name_and_keeps_its_bytes():
    wrapper = protocol.new("ProtoMessage", payloadType=9999, payload=b"\x01", clientMsgId="x")
    received = protocol.decode(wrapper.SerializeToString())
    assert (received.name, received.payload_type, received.client_msg_id, received.message.payload) == ("", 9999, "x", b"\x01")


@pytest.mark.parametrize("data", [b"\xff", b"\x08", b"GET / HTTP/1.1\r\n", b""])
def test_garbage_is_refused(data):
    with pytest.raises(SourceAnswerError, match=r"no ProtoMessage|ProtoMessage lacks payloadType"):
        protocol.decode(data)


def test_what_does_not_exist_is_refused():
    with pytest.raises(BadInputError, match='no "volum" field'):
        protocol.new("ProtoOANewOrderReq", volum=1)
    with pytest.raises(BadInputError, match="no message 'ProtoOAOrder66'"):
        protocol.new("ProtoOAOrder66")
    with pytest.raises(BadInputError, match="ProtoOAReconcileReq cannot be made"):
        protocol.new("ProtoOAReconcileReq", ctidTraderAccountId="seven")
    with pytest.raises(BadInputError, match="ProtoOADeal is a part of messages"):
        protocol.encode(protocol.new("ProtoOADeal"))
    with pytest.raises(BadInputError, match="ProtoOAOrderType has no HOPE; it has MARKET"):
        protocol.value("ProtoOAOrderType", "HOPE")
    with pytest.raises(BadInputError, match="ProtoOAOrderType has no 77"):
        protocol.name_of("ProtoOAOrderType", 77)
    with pytest.raises(BadInputError, match="no enum 'ProtoOAHope'"):
        protocol.value("ProtoOAHope", "MARKET")


def test_enums_by_name_and_number():
    assert protocol.value("ProtoOAOrderType", "STOP_LIMIT") == 6
    assert protocol.name_of("ProtoOAExecutionType", 11) == "ORDER_PARTIAL_FILL"
    order = protocol.new("ProtoOANewOrderReq", timeInForce="IMMEDIATE_OR_CANCEL")
    assert order.timeInForce == protocol.value("ProtoOATimeInForce", "IMMEDIATE_OR_CANCEL") == 3
