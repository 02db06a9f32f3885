"""moto, in a process that can be put back to what it once held, sooner and more exactly than moto resets itself.

Says its port first. Then reads commands, and says "done" after each:
  keep    what it holds now is what it will hold after each `back`; once
  back    to what was kept
What was kept is held by a process that only waits; what answers is a copy of it. All ends with the input.
"""

import logging
import os
import signal
import socket
import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


class Emulator:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.application = DomainDispatcherApplication(create_backend_app)
        self.copy = None

    def serve(self):
        self.server = make_server("127.0.0.1", 0, self.application, threaded=True, fd=self.listener.fileno())
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}).start()

    def keep(self):
        assert self.copy is None, "what answers is a copy already"
        # Only a process without other threads can be copied: all that was asked is answered first.
        self.server.shutdown()
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join()
        self.back()

    def back(self):
        if self.copy:
            process, lives = self.copy
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            os.close(lives)
        ends, lives = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(lives)
            self.serve()
            # Nothing is ever written: it ends with the process that could.
            os.read(ends, 1)
            os._exit(0)
        os.close(ends)
        self.copy = (process, lives)


logging.getLogger("werkzeug").setLevel(logging.ERROR)
emulator = Emulator()
emulator.serve()
print(emulator.listener.getsockname()[1], flush=True)
commands = {"keep": emulator.keep, "back": emulator.back}
for line in sys.stdin:
    commands[line.strip()]()
    print("done", flush=True)
os._exit(0)
