# SPDX-License-Identifier: Apache-2.0
"""A stand-in for mpquic-control: the northbound socket, answers by a table.

    server = FakeControl(path, {'Status': lambda parameters: {...}})
    ... server.calls: [(method, parameters)]
    server.close()

An answer is a dictionary (the reply's parameters), a Refusal, a list (a stream
of parameters; the connection stays open), bytes (sent as they are), or None
(the connection is closed without a word).
"""
import json
import os
import socket
import threading

PREFIX = 'mpquic.control.'


class Refusal(dict):
    """{'error': .., 'parameters': {..}}"""

    def __init__(self, error, **parameters):
        super().__init__(error=PREFIX + error, parameters=parameters)


class FakeControl:
    def __init__(self, path, answers):
        self.path = path
        self.answers = answers
        self.calls = []
        self.streams = []
        self.peers = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.peers.append(peer)
            threading.Thread(target=self.serve, args=(peer,),
                             daemon=True).start()

    def serve(self, peer):
        buffer = b''
        try:
            while data := peer.recv(65536):
                buffer += data
                while b'\0' in buffer:
                    message, buffer = buffer.split(b'\0', 1)
                    self.answer(peer, json.loads(message))
        except OSError:
            pass
        finally:
            peer.close()

    def answer(self, peer, call):
        method = call['method'].removeprefix(PREFIX)
        self.calls.append((method, call['parameters']))
        answer = self.answers[method](call['parameters'])
        if isinstance(answer, list):
            assert call.get('more') is True, 'a stream that nobody wants'
            self.streams.append(peer)  # before the client can know
            for parameters in answer:
                self.send(peer, {'parameters': parameters, 'continues': True})
        elif isinstance(answer, bytes):
            peer.sendall(answer)
        elif answer is None:
            peer.shutdown(socket.SHUT_RDWR)
        elif isinstance(answer, Refusal):
            self.send(peer, answer)
        else:
            self.send(peer, {'parameters': answer})

    @staticmethod
    def send(peer, message):
        peer.sendall(json.dumps(message).encode() + b'\0')

    def tell(self, event):
        """An event to all that follow."""
        for peer in self.streams:
            self.send(peer, {'parameters': event, 'continues': True})

    def close(self):
        """Hangs up on all; may be called again."""
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for peer in self.peers:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if os.path.exists(self.path):
            os.unlink(self.path)
