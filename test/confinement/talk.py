# SPDX-License-Identifier: Apache-2.0
"""The channel of one session, as a receiver opens it to directory or queue, in words of our own."""
from confinement import wire


class Session:
    """A channel that the receiver opened to directory or queue, as it does for each of its sessions."""

    def __init__(self, inside, opener):
        self.inside = inside
        self.fd, far = inside.pair()
        assert inside.send(opener, wire.frame(wire.SESSION_OPEN, wire.FD), [far]) > 0
        inside.call("close", far)

    def say(self, message, *fields, descriptors=()):
        """False when the other side has ended the channel."""
        return self.inside.send(self.fd, wire.frame(message, *fields), descriptors) > 0

    def hear(self):
        """The next answer; None at the end."""
        content = self.inside.receive(self.fd)
        assert content is not None, "no answer"
        return wire.read_answer(content) if content else None

    def ask(self, message, *fields):
        return self.hear() if self.say(message, *fields) else None

    # ---- directory ---------------------------------------------------------------------------------------------------
    def client(self, service, accepted, proxied=b""):
        assert self.say(wire.CLIENT, wire.FD, wire.string(service), wire.string("break-out"), wire.string(proxied), descriptors=[accepted])

    def mail(self, sender):
        return self.ask(wire.QUESTIONS, wire.question(
            wire.MAIL, wire.string(sender), wire.string("client.test"), wire.flag(1), wire.number(0), wire.flag(0),
            wire.number(0), wire.number(0), wire.string(""), wire.flag(0)))

    def rcpt(self, recipient):
        return self.ask(wire.QUESTIONS, wire.question(wire.RCPT, wire.string(recipient), wire.number(0), wire.string("")))

    def data(self):
        return self.ask(wire.QUESTIONS, wire.question(wire.DATA))

    def log_in(self, login, password):
        """Whether directory granted it; None at the end of the channel."""
        self.say(wire.AUTH_START, wire.string("PLAIN"), wire.flag(1), wire.flag(1), wire.string(f"\0{login}\0{password}"))
        content = self.inside.receive(self.fd)
        if not content:
            return None
        return wire.HEADER.unpack_from(content)[1] == wire.AUTH_DONE and content[wire.HEADER.size] == 1

    # ---- queue -------------------------------------------------------------------------------------------------------
    def begin(self, transaction):
        return self.say(wire.BODY_BEGIN, wire.string(transaction), wire.string(b""))

    def body(self, content):
        return self.say(wire.BODY, wire.string(content))

    def end(self, size):
        return self.say(wire.BODY_END, wire.number(size))


def is_refused(answer):
    return answer is None or 400 <= answer.code <= 599
