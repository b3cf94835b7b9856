"""The radio around the virtual machine: its Bluetooth controllers, and health devices that a test puts into the room.

One process holds everything that is in the air. Each `--adapter SOCKET` is a controller whose host side is offered on a
Unix socket (HCI in H4 framing), for the virtual machine to take as one of its adapters. A test says on the `--control`
socket, one JSON object a line, what shall be in the room, and is answered with one JSON object a line:

  {"do": "add", "id": "scale", "kind": "scale", "address": "...", "name": "...", "records": [...], ...}
  {"do": "records", "id": "scale", "records": [...]}     more was measured
  {"do": "forget", "id": "cuff"}                         the device loses its bonds
  {"do": "remove", "id": "scale"}                        its battery is taken out
  {"do": "report", "id": "scale"}                        what it sent, and what the other side confirmed

A device knows nothing of what reads it. It does what its manual says: advertises while it has something to say, sends its
records oldest first as indications once somebody subscribes, and counts a record as sent when it is confirmed. Scales that only
advertise are in broadcast.py.
"""

import argparse
import asyncio
import datetime
import json
import logging
import os
import struct
import sys
import time

from broadcast import KINDS as BROADCAST_KINDS
from broadcast import Broadcast
from bumble import att, ll
from bumble.controller import Controller
from bumble.core import AdvertisingData, PhysicalTransport, UUID
from bumble.device import Device, DeviceConfiguration
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.hci import Address, HCI_ErrorCode, LeFeatureMask, OwnAddressType
from bumble.host import Host
from bumble.keys import MemoryKeyStore
from bumble.link import LocalLink
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport import open_transport

PROPERTIES = Characteristic.Properties


class Room(LocalLink):
    """The air. The library stamps data with its sender's random address although a connection may have been made with
    the public one, and the other end then knows no such connection; here data bears the connection's own address."""

    def send_acl_data(self, sender_controller, destination_address, transport, data):
        connection = sender_controller.le_connections.get(destination_address)
        receiver = self.find_le_controller(destination_address)
        if transport != PhysicalTransport.LE or connection is None or receiver is None:
            return super().send_acl_data(sender_controller, destination_address, transport, data)
        asyncio.get_running_loop().call_soon(receiver.on_link_acl_data, connection.self_address, transport, data)


class Adapter(Controller):
    """A controller of the machine's. A real one that is reset, or unplugged and plugged in again, scans no more and holds no
    connection; the library's keeps both."""

    def on_hci_reset_command(self, command):
        self.le_scan_enable = False
        for connection in list(self.le_connections.values()):
            connection.send_ll_control_pdu(ll.TerminateInd(HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR))
        self.le_connections.clear()
        return super().on_hci_reset_command(command)


def says(*words):
    print(datetime.datetime.now().strftime("%H:%M:%S.%f")[:-3], *words, flush=True)


def date_time(text):
    """A Date Time characteristic (2A08): year, month, day, hours, minutes, seconds."""
    at = datetime.datetime.fromisoformat(text) if isinstance(text, str) else text
    return struct.pack("<HBBBBB", at.year, at.month, at.day, at.hour, at.minute, at.second)


def sfloat(value):
    """IEEE 11073 SFLOAT of a whole number, or its NaN for None."""
    return struct.pack("<H", 0x07FF if value is None else value & 0x0FFF)


def weight(record):
    """Weight Measurement (2A9D) in steps of 5 g, with a time where the device has one."""
    time = record.get("time")
    flags, tail = (0x02, date_time(time)) if time else (0x00, b"")
    return bytes([flags]) + struct.pack("<H", round(record["kg"] * 200)) + tail


def pressure(record):
    """Blood Pressure Measurement (2A35) in mmHg with pulse, and a time where the device has one."""
    time = record.get("time")
    flags, tail = (0x06, date_time(time)) if time else (0x04, b"")
    values = b"".join(sfloat(record[key]) for key in ("systolic", "diastolic", "mean"))
    return bytes([flags]) + values + tail + sfloat(record["pulse"])


KINDS = {
    "scale": (0x181D, 0x2A9D, weight),
    "cuff": (0x1810, 0x2A35, pressure),
}


class Health:
    """One health device."""

    def __init__(self, room, said):
        self.id, self.kind = said["id"], said["kind"]
        self.service, self.measured, self.frame = KINDS[self.kind]
        self.name, self.said, self.room = said["name"], said, room
        self.records, self.sent, self.tried = list(said.get("records", [])), 0, 0
        self.confirmed, self.sessions, self.pairings, self.clock_writes = [], 0, 0, []
        # By a clock that all devices share: each link from when it came up to when it ended, each confirmation, and how long
        # after its link came up a clock was written, s.
        self.links, self.confirmed_at, self.clock_write_after_s = [], [], []
        # When the machine first said anything on the present link. An emulated one may take seconds to notice that it stands, which
        # no gateway can know of.
        self.spoken_to_at = None
        self.clock_s = said.get("clock_s")
        self.connection, self.is_sending, self.is_on, self.is_advertising = None, False, True, False
        self.shown = None
        self.public = said.get("address_type", "public") == "public"
        self.private = said.get("address_type") == "private"
        address = said["address"]
        self.controller = Controller(self.id, link=room, public_address=address if self.public else "00:00:00:00:00:00")
        host = Host()
        host.controller = self.controller
        complete = [
            (AdvertisingData.FLAGS, bytes([0x06])),
            (AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, struct.pack("<H", self.service)),
            # A real device answers a scan with its name; the library answers with the advertisement once more.
            (AdvertisingData.COMPLETE_LOCAL_NAME, self.name.encode()),
        ]
        self.device = Device(
            config=DeviceConfiguration(
                name=self.name,
                address=Address(address),
                irk=os.urandom(16),
                le_privacy_enabled=self.private,
                advertising_data=bytes(AdvertisingData(complete)),
                advertising_interval_min=100,
                advertising_interval_max=100,
            ),
            host=host,
        )
        self.device.keystore = MemoryKeyStore()
        self.build()
        self.device.pairing_config_factory = self.pairing
        answers = self.device.gatt_server.on_gatt_pdu
        self.device.gatt_server.on_gatt_pdu = lambda *asked: (self.is_spoken_to(), answers(*asked))
        self.device.on("connection", lambda connection: asyncio.ensure_future(self.connected(connection)))

    def is_spoken_to(self):
        if self.spoken_to_at is None:
            self.spoken_to_at = time.monotonic()

    def build(self):
        """Its services, as its manual lists them."""
        self.measurement = Characteristic(UUID.from_16_bits(self.measured), PROPERTIES.INDICATE, 0, b"")
        own = [self.measurement]
        if self.clock_s is not None:
            own.append(
                Characteristic(
                    UUID.from_16_bits(0x2A08),
                    PROPERTIES.READ | PROPERTIES.WRITE,
                    Characteristic.READABLE | Characteristic.WRITEABLE,
                    CharacteristicValue(read=self.clock_read, write=self.clock_written),
                )
            )
        told = {0x2A29: self.said.get("maker", "Virtual"), 0x2A24: self.name, 0x2A25: self.said.get("serial")}
        about = [
            Characteristic(UUID.from_16_bits(uuid), PROPERTIES.READ, Characteristic.READABLE, text.encode())
            for uuid, text in told.items()
            if text
        ]
        if "system_id" in self.said:
            bytes_ = bytes.fromhex(self.said["system_id"])
            about.append(Characteristic(UUID.from_16_bits(0x2A23), PROPERTIES.READ, Characteristic.READABLE, bytes_))
        services = [Service(UUID.from_16_bits(self.service), own), Service(UUID.from_16_bits(0x180A), about)]
        if "battery" in self.said:
            level = bytes([self.said["battery"]])
            battery = Characteristic(UUID.from_16_bits(0x2A19), PROPERTIES.READ, Characteristic.READABLE, level)
            services.append(Service(UUID.from_16_bits(0x180F), [battery]))
        self.device.add_services(services)
        self.measurement.on("subscription", self.subscribed)
        if self.said.get("bond"):
            attributes = self.device.gatt_server.attributes
            switch = attributes[attributes.index(self.measurement) + 1]
            assert switch.type == UUID.from_16_bits(0x2902), switch
            switch.permissions |= att.Attribute.WRITE_REQUIRES_ENCRYPTION

    def pairing(self, _connection):
        return PairingConfig(
            sc=True,
            mitm=bool(self.said.get("shows_passkey")),
            bonding=True,
            identity_address_type=PairingConfig.AddressType.PUBLIC if self.public else PairingConfig.AddressType.RANDOM,
            delegate=Consent(self),
        )

    def clock_read(self, _connection):
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.clock_s)
        return date_time(now)

    def clock_written(self, _connection, value):
        self.log("clock set to", value.hex())
        self.clock_writes.append(value.hex())
        now, up_at, spoken_to_at = time.monotonic(), self.links[-1][0], self.spoken_to_at
        self.clock_write_after_s.append(now - spoken_to_at)
        self.log(f"{now - up_at:.2f} s after its link came up, {now - spoken_to_at:.2f} s after the machine noticed")
        year, month, day, hour, minute, second = struct.unpack("<HBBBBB", value)
        told = datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.timezone.utc)
        self.clock_s = (told - datetime.datetime.now(datetime.timezone.utc)).total_seconds()

    def log(self, *words):
        says(f"{self.id}:", *words)

    async def start(self):
        await self.device.power_on()
        await self.advertise()

    def has_something_to_say(self):
        return self.sent < len(self.records) or self.said.get("always_on")

    async def advertise(self):
        if not self.is_on or self.connection or self.is_advertising or not self.has_something_to_say():
            return
        self.is_advertising = True
        kind = OwnAddressType.PUBLIC if self.public else OwnAddressType.RANDOM
        await self.device.start_advertising(own_address_type=kind)
        self.log("advertises as", self.device.public_address if self.public else self.device.random_address)

    async def connected(self, connection):
        self.connection, self.is_sending, self.is_advertising = connection, False, False
        self.links.append([time.monotonic(), None])
        self.spoken_to_at = None
        self.sessions += 1
        self.log(f"session {self.sessions}: connected by", connection.peer_address)
        connection.on("disconnection", lambda reason: asyncio.ensure_future(self.gone(reason)))
        for event in ("pairing", "pairing_failure", "connection_encryption_change", "connection_encryption_failure"):
            connection.on(event, lambda *_, event=event: self.log(event, f"encrypted={connection.is_encrypted}"))
        connection.on("pairing", lambda *_: setattr(self, "pairings", self.pairings + 1))

    async def gone(self, reason):
        self.log("disconnected, reason", reason)
        self.connection = None
        self.links[-1][1] = time.monotonic()
        if self.said.get("replays"):
            self.sent = 0 if self.sessions < self.said["replays"] else len(self.records)
        await asyncio.sleep(self.said.get("rests_s", 0.3))
        await self.advertise()

    def subscribed(self, connection, _notify, indicate):
        self.log(f"subscription indicate={indicate} encrypted={connection.is_encrypted}")
        if indicate and not self.is_sending:
            self.is_sending = True
            asyncio.ensure_future(self.send(connection))

    def is_subscribed(self, connection):
        switches = self.device.gatt_server.subscribers.get(connection, {})
        return switches.get(self.measurement.handle, b"\0")[0] & 0x02

    async def send(self, connection):
        """Sends what was not confirmed, oldest first; hangs up early once if it was told to."""
        await asyncio.sleep(self.said.get("thinks_s", 0.05))
        before_cut = self.said.get("hangs_up_after")
        try:
            while self.sent < len(self.records) and self.connection is connection:
                if before_cut is not None and self.sent >= before_cut:
                    self.said["hangs_up_after"] = None
                    self.log("hangs up while sending")
                    return await connection.disconnect()
                frame = self.frame(self.records[self.sent])
                self.tried += 1
                await self.device.gatt_server.indicate_subscriber(connection, self.measurement, frame)
                if self.connection is not connection:
                    return self.log("not confirmed", frame.hex())
                self.sent += 1
                self.confirmed.append(frame.hex())
                self.confirmed_at.append(time.monotonic())
                self.log("confirmed", frame.hex())
                await asyncio.sleep(self.said.get("gap_s", 0.0))
            if self.said.get("hangs_up", True) and self.connection is connection:
                await asyncio.sleep(self.said.get("lingers_s", 0.3))
                await connection.disconnect()
        except Exception as error:  # the other side went away in the middle
            self.log("not sent:", repr(error))
        finally:
            self.is_sending = False

    async def more(self, records):
        self.records += records
        if self.connection and not self.is_sending and self.is_subscribed(self.connection):
            self.is_sending = True
            asyncio.ensure_future(self.send(self.connection))
        await self.advertise()

    async def forget(self):
        await self.device.keystore.delete_all()
        self.log("forgot its bonds")

    async def remove(self):
        self.is_on = False
        if self.connection:
            await self.connection.disconnect()
        elif self.is_advertising:
            await self.device.stop_advertising()
        await asyncio.sleep(0.1)
        self.room.remove_controller(self.controller)

    def report(self):
        return {
            "confirmed": self.confirmed,
            "tried": self.tried,
            "sessions": self.sessions,
            "pairings": self.pairings,
            "clock_writes": self.clock_writes,
            "clock_write_after_s": self.clock_write_after_s,
            "links": self.links,
            "confirmed_at": self.confirmed_at,
            "shown": self.shown,
            "connected": self.connection is not None,
        }


class Consent(PairingDelegate):
    """A device without keys: says yes while it is in pairing mode. One that `shows_passkey` wants its six digits typed."""

    def __init__(self, health):
        shows = health.said.get("shows_passkey")
        super().__init__(PairingDelegate.DISPLAY_OUTPUT_ONLY if shows else PairingDelegate.NO_OUTPUT_NO_INPUT)
        self.health = health

    async def display_number(self, number, digits):
        self.health.shown = f"{number:0{digits}}"
        self.health.log("shows", self.health.shown)

    async def accept(self):
        yes = self.health.said.get("pairable", True)
        self.health.log("asked to pair:", "yes" if yes else "no")
        return yes


class World:
    """What is in the room, by what the test says."""

    def __init__(self):
        self.room, self.devices, self.kept = Room(), {}, []

    async def adapter(self, index, socket):
        transport = await open_transport(f"unix-server:{socket}")
        controller = Adapter(
            f"adapter{index}",
            host_source=transport.source,
            host_sink=transport.sink,
            link=self.room,
            public_address=f"00:AA:01:00:00:{0x42 + index:02X}",
        )
        # Having announced these, the library still answers a connection request with the older event, and Linux waits
        # for the newer one until it times out.
        unkept = LeFeatureMask.LL_PRIVACY | LeFeatureMask.LE_EXTENDED_ADVERTISING
        controller.le_features = controller.le_features & ~unkept
        self.kept += [transport, controller]

    async def asked(self, said):
        match said["do"]:
            case "add":
                if said["id"] in self.devices:
                    return {"error": f"there is a {said['id']}"}
                is_broadcast = said["kind"] in BROADCAST_KINDS
                device = Broadcast(self.room, said, says) if is_broadcast else Health(self.room, said)
                self.devices[said["id"]] = device
                await device.start()
            case "records":
                await self.devices[said["id"]].more(said["records"])
            case "forget":
                await self.devices[said["id"]].forget()
            case "remove":
                await self.devices.pop(said["id"]).remove()
            case "report":
                return self.devices[said["id"]].report()
            case unknown:
                return {"error": f"cannot do {unknown!r}"}
        return {}

    async def serve(self, reader, writer):
        while line := await reader.readline():
            try:
                answer = await self.asked(json.loads(line))
            except Exception as error:
                logging.exception("asked for %s", line)
                answer = {"error": repr(error)}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()


async def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--adapter", action="append", default=[], help="offer a controller on this Unix socket")
    arguments.add_argument("--control", required=True, help="be told on this Unix socket")
    chosen = arguments.parse_args()
    logging.basicConfig(level=os.environ.get("WORLD_LOG", "WARNING"), stream=sys.stdout)
    world = World()
    for index, socket in enumerate(chosen.adapter):
        await world.adapter(index, socket)
    await asyncio.start_unix_server(world.serve, chosen.control)
    says("ready")
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
