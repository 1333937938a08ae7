"""A network between here and a server of this machine: it counts, delays and cuts."""
import queue
import socket
import struct
import threading
import time

BUFFER_BYTES = 64 << 10  # what waits in it is not on the wire
QUEUED_MAX = 1024        # pieces on a long line: 64 MiB


def reset(*ends):
    """The other sides hear that the connection was reset."""
    for end in ends:
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue  # it is gone
        finally:
            end.close()


class Relay:
    """Passes on what comes, `delay` seconds later on each way, and notes when how many bytes went
    "up" and "down". `cut_every(BYTES, TIMES)`: whoever sends byte BYTES upwards is cut off."""

    def __init__(self, port, delay=0):
        self.target = port
        self.delay = delay
        self.seen = {"up": [], "down": []}
        self.lock = threading.Lock()
        self.cuts_left = self.between_cuts = self.until_cut = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def cut_every(self, size, times):
        with self.lock:
            self.until_cut = self.between_cuts = size
            self.cuts_left = times

    def sent(self, way):
        return sum(size for _, size in list(self.seen[way]))

    def accept(self):
        while True:
            try:
                here = self.listener.accept()[0]
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self.target))
            for end in (here, there):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            for way, source, sink in (("up", here, there), ("down", there, here)):
                carry = self.pump_late if self.delay else self.pump
                threading.Thread(target=carry, args=(way, source, sink), daemon=True).start()

    def allowed(self, way, size):
        """How many of `size` bytes may pass before a cut; all of them mostly."""
        with self.lock:
            if way != "up" or self.cuts_left == 0:
                return size
            passed = min(size, self.until_cut)
            self.until_cut -= passed
            if passed < size:
                self.cuts_left -= 1
                self.until_cut = self.between_cuts
            return passed

    def pump(self, way, source, sink):
        try:
            while part := source.recv(BUFFER_BYTES):
                passed = self.allowed(way, len(part))
                sink.sendall(part[:passed])
                self.seen[way].append((time.monotonic(), passed))
                if passed < len(part):
                    reset(source, sink)
                    return
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            reset(source, sink)

    def pump_late(self, way, source, sink):
        line = queue.Queue(QUEUED_MAX)
        threading.Thread(target=self.deliver, args=(way, line, sink), daemon=True).start()
        try:
            while part := source.recv(BUFFER_BYTES):
                line.put((time.monotonic() + self.delay, part))
        except OSError:
            pass  # deliver() ends the other side
        line.put((time.monotonic() + self.delay, b""))

    def deliver(self, way, line, sink):
        try:
            while True:
                due, part = line.get()
                time.sleep(max(0, due - time.monotonic()))
                if not part:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(part)
                self.seen[way].append((time.monotonic(), len(part)))
        except OSError:
            while line.get()[1]:
                pass

    def stop(self):
        self.listener.close()
