"""A scale that never connects: everything it has to say is in its advertisements, again and again (Xiaomi's scales).

One weighing goes through phases that bear one time of the scale's clock: the weight still moves, it has settled, the impedance
is measured (a scale of the second kind only), the person has stepped off. Layouts: custom-components/ble_monitor, which reads the
same scales for Home Assistant.
"""

import asyncio
import datetime
import struct

from bumble import ll
from bumble.controller import Controller
from bumble.core import AdvertisingData
from bumble.hci import Address


def date_time(text):
    at = datetime.datetime.fromisoformat(text)
    return struct.pack("<HBBBBB", at.year, at.month, at.day, at.hour, at.minute, at.second)


def first_scale(phase, kg, record):
    """Service data under 181D, 10 bytes: control, weight in steps of 5 g, time."""
    control = {"moving": 0x02, "settled": 0x22, "removed": 0xA2}[phase]
    return bytes([control]) + struct.pack("<H", round(kg * 200)) + date_time(record["time"])


def second_scale(phase, kg, record):
    """Service data under 181B, 13 bytes: unit, control, time, impedance in ohm, weight in steps of 5 g."""
    has_impedance = "ohm" in record and phase in ("impedance", "removed")
    control = {"moving": 0x04, "settled": 0x24, "impedance": 0x26, "removed": 0xA6 if has_impedance else 0xA4}[phase]
    ohm = record["ohm"] if has_impedance else 0
    return bytes([0x02, control]) + date_time(record["time"]) + struct.pack("<HH", ohm, round(kg * 200))


KINDS = {
    "first_scale": (0x181D, first_scale, ["moving", "settled", "removed"]),
    "second_scale": (0x181B, second_scale, ["moving", "settled", "impedance", "removed"]),
}


class Broadcast:
    """One such scale. A record may name its `phases` (all of them by default) and how many advertisements each phase `airs`."""

    def __init__(self, room, said, says):
        self.said, self.room = said, room
        self.service, self.data, self.phases = KINDS[said["kind"]]
        self.address = Address(said["address"], Address.PUBLIC_DEVICE_ADDRESS)
        self.controller = Controller(said["id"], link=room, public_address=said["address"])
        self.records, self.aired, self.is_on, self.is_weighing = list(said.get("records", [])), {}, True, False
        self.log = lambda *words: says(f"{said['id']}:", *words)

    async def start(self):
        if not self.is_weighing:
            self.is_weighing = True
            asyncio.ensure_future(self.weigh())

    async def more(self, records):
        self.records += records
        await self.start()

    async def weigh(self):
        """Shows each weighing that was not shown yet; then the scale sleeps."""
        while self.records and self.is_on:
            record = self.records.pop(0)
            for phase in record.get("phases", self.phases):
                # While a person gets on, the weight climbs.
                kgs = [record["kg"] - 12.5, record["kg"] - 0.4] if phase == "moving" else [record["kg"]]
                for kg in kgs:
                    await self.air(self.data(phase, kg, record), record.get("airs", 10))
            await asyncio.sleep(self.said.get("rests_s", 1.0))
        self.is_weighing = False

    async def air(self, data, times):
        self.log("airs", data.hex(), f"{times} times")
        fields = [
            (AdvertisingData.FLAGS, bytes([0x06])),
            (AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, struct.pack("<H", self.service)),
            (AdvertisingData.SERVICE_DATA_16_BIT_UUID, struct.pack("<H", self.service) + data),
            (AdvertisingData.COMPLETE_LOCAL_NAME, self.said["name"].encode()),
        ]
        advertisement = bytes(AdvertisingData(fields if self.said.get("says_name", True) else fields[:-1]))
        for _ in range(times):
            if not self.is_on:
                return
            # The real ones cannot be connected to; of advertisements of that kind the library's controllers hear nothing.
            self.controller.send_advertising_pdu(ll.AdvInd(self.address, advertisement))
            self.aired[data.hex()] = self.aired.get(data.hex(), 0) + 1
            await asyncio.sleep(0.1)

    async def remove(self):
        self.is_on = False
        await asyncio.sleep(0.2)
        self.room.remove_controller(self.controller)

    def report(self):
        return {"aired": self.aired, "weighing": self.is_weighing}
