"""Events as messages of an MQTT broker, by the package paho-mqtt."""

import threading
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from pysed.errors import DISTRIBUTION, DataError, warn_once

PASSWORD_VARIABLE = "PYSED_MQTT_PASSWORD"
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_EXPECTED = "expected mqtt://[user@]host[:port]/topic, or mqtts: for TLS"
_WAIT_S = 10.0  # for the broker, at the start and at the end
_MOST_WAITING = 10_000  # messages, while the broker is away
_LONGEST_DELAY_S = 60  # between two attempts to reach it


class Broker(NamedTuple):
    """Where messages go."""

    host: str
    port: int
    topic: str
    user: str | None = None
    is_encrypted: bool = False


def parse_broker(url: str) -> Broker:
    """The broker and topic of ``--mqtt``. Raises DataError."""
    try:
        parts = urlsplit(url, allow_fragments=False)
        port = parts.port
    except ValueError as error:
        raise DataError(f"--mqtt: {error}; {_EXPECTED}") from None
    if parts.password is not None:
        raise DataError(
            f"--mqtt: a password in an address is seen by everybody on this computer; set {PASSWORD_VARIABLE} or give "
            "--mqtt-password-file FILE"
        )
    topic = unquote(parts.path).removeprefix("/")
    if parts.scheme not in _PORTS or not parts.hostname or parts.query:
        raise DataError(f"--mqtt {url}: no address of a broker; {_EXPECTED}")
    if not topic or any(sign in topic for sign in "+#\0") or len(topic.encode()) > 65535:
        raise DataError(f"--mqtt {url}: no topic to publish to, such as home/sounds (+ and # are none); {_EXPECTED}")
    user = None if parts.username is None else unquote(parts.username)
    return Broker(parts.hostname, port or _PORTS[parts.scheme], topic, user, parts.scheme == "mqtts")


def read_password(path: str) -> str:
    """The first line of a file. Raises DataError."""
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"--mqtt-password-file {path}: {reason}; expected a password on its first line") from None
    if not lines:
        raise DataError(f"--mqtt-password-file {path}: empty; expected a password on its first line")
    return lines[0]


def _paho() -> Any:
    try:
        from paho.mqtt import client
    except ImportError:
        raise DataError(f"--mqtt: paho-mqtt is not installed; pip install '{DISTRIBUTION}[live]'") from None
    return client


class Publisher:
    """A connection to a broker, which is made again when it breaks; use it as a context.

    Messages that are published while the broker is away wait for it, and are delivered at least once (quality of
    service 1). Raises DataError where the broker cannot be reached at the start, or refuses.
    """

    def __init__(self, broker: Broker, password: str | None = None):
        self._paho, self._broker = _paho(), broker
        self._place = f"--mqtt {broker.host}:{broker.port}"
        self._answered = threading.Event()
        self._refusal: str | None = None
        client = self._paho.Client(self._paho.CallbackAPIVersion.VERSION2)
        client.max_queued_messages_set(_MOST_WAITING)
        client.reconnect_delay_set(1, _LONGEST_DELAY_S)
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        client.on_publish = self._delivered
        if broker.user is not None or password is not None:
            client.username_pw_set(broker.user or "", password)
        if broker.is_encrypted:
            client.tls_set()
        self._client = client
        self._num_waiting = 0
        self._change = threading.Condition()

    def _connected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._refusal = str(reason) if reason.is_failure else None
        if self._refusal and self._answered.is_set():
            warn_once(f"{self._place}: the broker refuses ({self._refusal}); events wait until it does not")
        self._answered.set()

    def _disconnected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure and self._answered.is_set() and self._refusal is None:
            warn_once(f"{self._place}: the connection broke ({reason}); events wait until it is there again")

    def __enter__(self) -> Self:
        try:
            self._client.connect(self._broker.host, self._broker.port)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"{self._place}: {reason}; expected an MQTT broker that can be reached") from None
        self._client.loop_start()
        answered = self._answered.wait(_WAIT_S)
        if not answered or self._refusal:
            self._client.disconnect()
            self._client.loop_stop()
            raise DataError(
                f"{self._place}: {self._refusal or 'no answer'}; expected a broker that takes this user "
                f"(user@ in the address) and password ({PASSWORD_VARIABLE} or --mqtt-password-file)"
            )
        return self

    def _delivered(self, client: Any, userdata: Any, number: int, reason: Any, properties: Any) -> None:
        with self._change:
            self._num_waiting -= 1
            self._change.notify_all()

    def publish(self, text: str) -> None:
        """Send a message, or keep it until the broker is there."""
        with self._change:
            self._num_waiting += 1
        message = self._client.publish(self._broker.topic, text.encode(), qos=1)
        if message.rc == self._paho.MQTT_ERR_QUEUE_SIZE:
            with self._change:
                self._num_waiting -= 1
            warn_once(f"{self._place}: away for {_MOST_WAITING} events; those from here on are not published")

    def __exit__(self, kind: type | None, value: object, trace: object) -> None:
        with self._change:
            if not self._change.wait_for(lambda: self._num_waiting <= 0, _WAIT_S):
                warn_once(f"{self._place}: {self._num_waiting} events could not be published")
        self._client.disconnect()
        self._client.loop_stop()
