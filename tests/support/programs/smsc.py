"""An operator's centre that speaks SMPP 3.4 on this machine, and answers as a test tells it to.

It writes and reads bytes by itself, so that it shares no mistake with the library of the portal.
"""

import select
import socket
import ssl
import struct
import threading
from contextlib import suppress

from otp.suppliers.smpp import SetUp
from tests.support.waiting import PATIENCE, wait_for

SYSTEM_ID, PASSWORD = "tinh-ubnd", "mat-kh4u"
BIND, SUBMIT, DELIVER, UNBIND, ENQUIRE, DATA = 0x09, 0x04, 0x05, 0x06, 0x15, 0x103
ANSWER = 0x80000000
WRONG_PASSWORD, REFUSED, FULL, THROTTLED = 0x0E, 0x0B, 0x14, 0x58
IS_REPORT = 0x04
RECEIPTED_ID, STATE, PAYLOAD = 0x001E, 0x0427, 0x0424
WORDS = {2: "DELIVRD", 5: "UNDELIV"}


def unit(command, sequence, body=b"", status=0):
    """Write a unit."""
    return struct.pack(">LLLL", 16 + len(body), command, status, sequence) + body


def tlv(tag, value):
    return struct.pack(">HH", tag, len(value)) + value


def deliver(text=b"", *, esm_class=IS_REPORT, more=b"", sender="84912466981", command=DELIVER):
    """Write the body of a deliver_sm, or of a data_sm."""
    head = b"\0" + b"\1\1" + sender.encode() + b"\0" + b"\5\0" + b"UBND\0" + bytes([esm_class])
    if command == DATA:
        return head + b"\0\0" + more
    return head + b"\0\0" + b"\0\0" + b"\0\0\0\0" + bytes([len(text)]) + text + more


def in_words(gateway_id, stat="DELIVRD", err="000"):
    """Give a report as most centres write it, with the first letters of the message."""
    return (
        f"id:{gateway_id} sub:001 dlvrd:001 submit date:2611271450 done date:2611271451"
        f" stat:{stat} err:{err} text:Ma xac thuc: 123456"
    ).encode()


def in_fields(gateway_id, state=2):
    """Give a report as 3.4 writes it, with a parameter of the operator's own before it."""
    own = tlv(0x1403, b"452-04")
    return own + tlv(RECEIPTED_ID, f"{gateway_id}\0".encode()) + tlv(STATE, bytes([state]))


class Centre:
    """Keeps what was submitted, and answers by `plan`; after its last entry all is accepted.

    An answer is a function of the connection and the message.
    """

    name = "smpp"

    def __init__(self, context=None):
        self.texts = []  # of every message read, whatever the answer
        self.plan = []
        self.binds = []
        self.answers = []  # to reports: (sequence, status)
        self.units = []  # every other unit that came in: (command, status)
        self.connections = []
        self.bind_status = 0
        self.answers_enquiries = True
        self.released = threading.Event()
        self._context = context
        self._lock = threading.Lock()
        self._ids, self._sequence = 0, 1_000
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def set_up(self, **changes):
        fields = {"url": f"smpp://127.0.0.1:{self.port}", "system_id": SYSTEM_ID}
        return SetUp(**fields | {"password": PASSWORD} | changes)

    def environment(self, **changes):
        """Give the settings of a portal that sends here."""
        return {"SMS_GATEWAY": self.name, "SMPP": self.set_up(**changes)}

    def variables(self):
        """Give the environment of a process that sends here."""
        return {
            "SMS_GATEWAY": self.name,
            "SMPP_URL": f"smpp://127.0.0.1:{self.port}",
            "SMPP_SYSTEM_ID": SYSTEM_ID,
            "SMPP_PASSWORD": PASSWORD,
        }

    @property
    def connection(self):
        """The newest bound connection that is still there."""
        wait_for(lambda: any(each.is_bound for each in self.connections), "a bind")
        return next(each for each in reversed(self.connections) if each.is_bound)

    def take(self, message):
        with self._lock:
            self.texts.append(message)
            return self.plan.pop(0) if self.plan else accept

    def next_id(self):
        with self._lock:
            self._ids += 1
            return f"{0xA0000 + self._ids:x}"

    def next_sequence(self):
        with self._lock:
            self._sequence += 1
            return self._sequence

    def report(self, *args, command=DELIVER, **options):
        """Bring a report, or a text, and give the status with which it was answered."""
        return self.connection.report(deliver(*args, command=command, **options), command)

    def cut(self):
        for each in self.connections:
            each.close()

    def stop_listening(self):
        with suppress(OSError):
            # Only this ends the wait for a next connection.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self):
        self.released.set()
        self.stop_listening()
        self.cut()

    def _listen(self):
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[line], daemon=True).start()

    def _serve(self, line):
        with suppress(OSError):
            if self._context is not None:
                line = self._context.wrap_socket(line, server_side=True)
            connection = Connection(self, line)
            self.connections.append(connection)
            connection.serve()
        line.close()


class Connection:
    def __init__(self, centre, line):
        self.centre, self._line = centre, line
        self.is_bound = self.is_over = False
        self.ended_well = False
        # OpenSSL lets no thread write while another reads.
        self._using = threading.Lock()

    def say(self, raw):
        with self._using:
            self._line.settimeout(PATIENCE)
            self._line.sendall(raw)

    def close(self):
        self.is_bound = False
        with self._using, suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)

    def report(self, body, command=DELIVER):
        """Bring a report and give its answer's status; a line that ends first is an `OSError`."""
        sequence = self.centre.next_sequence()
        self.say(unit(command, sequence, body))
        found = []

        def is_answered():
            is_over = self.is_over  # read first: what was answered before the end is found
            found[:] = [status for number, status in self.centre.answers if number == sequence]
            if is_over and not found:
                raise ConnectionError("the line ended before the report was answered")
            return bool(found)

        wait_for(is_answered, "the answer to a report")
        return found[0]

    def serve(self):
        try:
            while (head := self._read(16)) is not None:
                length, command, status, sequence = struct.unpack(">LLLL", head)
                if (body := self._read(length - 16)) is None:
                    return
                self._take(command, status, sequence, body)
        finally:
            self.is_bound, self.is_over = False, True

    def _read(self, count):
        octets = b""
        while len(octets) < count:
            more = self._receive(count - len(octets))
            if not more:
                return None
            octets += more
        return octets

    def _receive(self, count):
        """Wait for something that has come, up to so many octets; nothing at the end."""
        waiting = select.poll()
        waiting.register(self._line, select.POLLIN)
        while True:
            with self._using:
                self._line.settimeout(0)
                with suppress(BlockingIOError, ssl.SSLWantReadError):
                    return self._line.recv(count)
            waiting.poll()

    def _take(self, command, status, sequence, body):
        if command == BIND:
            self._bind(sequence, body)
        elif command == SUBMIT:
            message = _submitted(body) | {"sequence": sequence, "connection": id(self)}
            # Each in a thread of its own: centres answer out of order.
            answer = self.centre.take(message)
            threading.Thread(target=self._answer, args=[answer, message], daemon=True).start()
        elif command in (DELIVER | ANSWER, DATA | ANSWER):
            self.centre.answers.append((sequence, status))
        else:
            self.centre.units.append((command, status))
            if command == UNBIND:
                self.ended_well, self.is_bound = True, False
                self.say(unit(UNBIND | ANSWER, sequence))
            if command == ENQUIRE and self.centre.answers_enquiries:
                self.say(unit(ENQUIRE | ANSWER, sequence))

    def _answer(self, answer, message):
        with suppress(OSError):
            answer(self, message)

    def _bind(self, sequence, body):
        system_id, password, system_type, rest = body.split(b"\0", 3)
        self.centre.binds.append((system_id.decode(), password.decode(), system_type.decode()))
        assert rest[0] == 0x34
        status = self.centre.bind_status
        if password.decode() != PASSWORD:
            status = WRONG_PASSWORD
        self.say(unit(BIND | ANSWER, sequence, b"" if status else b"centre\0", status))
        if status:
            self.close()
        else:
            self.is_bound = True


def accept(connection, message):
    message["id"] = connection.centre.next_id()
    body = f"{message['id']}\0".encode()
    connection.say(unit(SUBMIT | ANSWER, message["sequence"], body))


def refuse(status):
    """Answer with a status of 5.1.3; the body is left out, as the standard wants it."""

    def answer(connection, message):
        connection.say(unit(SUBMIT | ANSWER, message["sequence"], status=status))

    return answer


def say(raw):
    """Answer with these bytes, which are given the number of the message."""

    def answer(connection, message):
        connection.say(raw(message["sequence"]))

    return answer


def silent(connection, message):
    pass


def hold(connection, message):
    """Take the message, and answer only when the test releases the centre."""
    connection.centre.released.wait(PATIENCE)
    accept(connection, message)


def cut_before(connection, message):
    connection.close()


def cut_after(connection, message):
    # Before the answer: who has it looks for the next line.
    connection.is_bound = False
    accept(connection, message)
    connection.close()


def _submitted(body):
    """Read a submit_sm by 4.4.1 of the standard."""
    position = 0

    def text():
        nonlocal position
        end = body.index(b"\0", position)
        found, position = body[position:end].decode(), end + 1
        return found

    def number():
        nonlocal position
        position += 1
        return body[position - 1]

    order = (
        ("service_type", text),
        *(("source_ton", number), ("source_npi", number), ("source", text)),
        *(("ton", number), ("npi", number), ("to", text)),
        *(("esm_class", number), ("protocol", number), ("priority", number)),
        *(("schedule", text), ("validity", text), ("asks_report", number)),
        *(("replace", number), ("coding", number), ("canned", number)),
    )
    fields = {name: read() for name, read in order}
    length = number()
    fields["octets"] = body[position : position + length]
    position += length
    while position < len(body):
        tag, length = struct.unpack_from(">HH", body, position)
        fields[tag] = body[position + 4 : position + 4 + length]
        position += 4 + length
    return fields
