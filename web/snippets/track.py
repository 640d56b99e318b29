# Sends a product's usage events to Cairn. Needs Python alone.
import atexit
import collections
import itertools
import json
import logging
import random
import threading
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone

log = logging.getLogger("cairn.usage")


class Usage:
    """`track` returns at once: a thread sends what it is given, and sends it again after a failure.

    usage = Usage("https://cairn.example", os.environ["CAIRN_KEY"])  # one for the whole process
    usage.track("ada", "reply")
    """

    def __init__(self, url, key, capacity=10_000, timeout=10):
        self._url = f"{url.rstrip('/')}/api/usage/batch"
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._capacity, self._timeout = capacity, timeout
        self._buffer = collections.deque()  # an event stays in it until Cairn has answered for it
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        atexit.register(self.close)

    def track(self, user_id, type, count=1, *, id=None, at=None, feature=None):
        """True, or False where so much waits already that the event is dropped.

        `id` makes that a repeat counts once. If you have one of your own, such as "reply-17", pass it with the reply's
        own instant as `at`, so that a job that runs twice tells the same event twice.
        """
        event = {"userId": user_id, "type": type, "count": count, "id": id or str(uuid.uuid4())}
        event["at"] = (at or datetime.now(timezone.utc)).isoformat()
        if feature:
            event["feature"] = feature
        with self._changed:
            if len(self._buffer) >= self._capacity:
                log.warning("the buffer is full: %s is dropped", event)
                return False
            self._buffer.append(event)
            if not self._thread.is_alive():  # at first, and in a forked process
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return True

    def close(self, seconds=5):
        """Send what waits, for so many seconds at most; it is called when the process ends."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(seconds)
        if self._buffer:
            log.error("%d events were not sent", len(self._buffer))

    def _run(self):
        failures = 0
        while True:
            with self._changed:
                if failures:
                    self._changed.wait_for(lambda: self._closing, random.random() * min(30, 2**failures))
                    if self._closing:
                        self._changed.wait(0.2)
                self._changed.wait_for(lambda: self._buffer or self._closing)
                batch = list(itertools.islice(self._buffer, 500))
            if not batch:
                return
            again = self._send(batch)
            failures = failures + 1 if again else 0
            with self._changed:
                for _ in batch:
                    self._buffer.popleft()
                self._buffer.extendleft(reversed(again))

    def _send(self, batch):
        """The events that are to be sent again."""
        body = json.dumps({"events": batch}).encode()
        try:
            request = urllib.request.Request(self._url, body, self._headers)
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                results = json.load(answer)["results"]
        except urllib.error.HTTPError as error:
            log.warning("Cairn answered %s: %s", error.code, error.read(500))
            return [] if error.code in (400, 413) else batch  # a wrong key may be put right, a wrong request not
        except Exception as error:  # no connection, no answer in time, or an answer that is cut short
            log.warning("Cairn cannot be reached: %r", error)
            return batch
        again = []
        for event, result in zip(batch, results):
            if result["status"] == "rejected" and result.get("retry"):
                again.append(event)
            elif result["status"] == "rejected":
                log.error("Cairn refused %s: %s", event, result.get("error"))
        return again
