"""The login: who may use a page that others on the network can reach.

HTTP Basic: the browser asks for the name and the password and sends them with every request, also those of scripts, so
that one place covers every route. Over a network that is not yours, put a proxy with TLS in front.

`python -m ui.auth FILE` asks for a password and writes its hash.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import os
import re
import secrets
import stat
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from index.errors import CitewellError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Login", "Throttle", "hash_of", "load_login"]

LEAST_LENGTH = 8
"""Characters of a password."""
_MOST_BYTES = 4096
_MOST_KNOWN = 16
# The cost that OWASP's password storage cheat sheet names for scrypt with 32 MiB: some 60 ms.
_COST, _BLOCK, _LANES = 2**15, 8, 1
_HASH = re.compile(r"scrypt:([0-9]{1,7}):([0-9]{1,2}):([0-9]{1,2})\$([A-Za-z0-9./_-]{8,64})\$([0-9a-f]{64,128})")


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A password that cannot be read back.

    Attributes:
        salt: text before it.
        digest: scrypt of both.
        cost, block, lanes: n, r and p of scrypt (RFC 7914).
    """

    salt: str
    digest: bytes
    cost: int = _COST
    block: int = _BLOCK
    lanes: int = _LANES

    def matches(self, password: str) -> bool:
        """Whether it is this password; takes the same time whatever the answer."""
        made = _scrypt(password, self.salt, self.cost, self.block, self.lanes, len(self.digest))
        return hmac.compare_digest(made, self.digest)

    def __str__(self) -> str:
        return f"scrypt:{self.cost}:{self.block}:{self.lanes}${self.salt}${self.digest.hex()}"


def hash_of(password: str) -> PasswordHash:
    """The hash of a password, with a salt of its own.

    >>> hash_of("correct horse").matches("correct horse")
    True
    """
    salt = secrets.token_urlsafe(16)
    return PasswordHash(salt, _scrypt(password, salt, _COST, _BLOCK, _LANES, 64))


def _scrypt(password: str, salt: str, cost: int, block: int, lanes: int, length: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt.encode(),
        n=cost,
        r=block,
        p=lanes,
        maxmem=2**20 + 132 * cost * block * lanes,
        dklen=length,
    )


def load_login(option: str) -> Login:
    """The login that `--auth USER:PASSWORD-FILE` names.

    Args:
        option: the user's name, a colon, and a file whose first line is the password, or its hash as `python -m
            ui.auth FILE` writes it: `scrypt:N:R:P$SALT$HEX`.

    Raises:
        CitewellError: the option or the file is not usable, or others on this machine can read the file.
    """
    user, colon, name = option.partition(":")
    if not (user and colon and name) or not user.isprintable():
        raise CitewellError("--auth takes USER:PASSWORD-FILE, for example: --auth ann:password.txt")
    file = Path(name).expanduser()
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            data = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise CitewellError(
            f"--auth: cannot read {file} ({error.strerror}); expected a file with the password"
        ) from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise CitewellError(
            f"--auth: others on this machine can use {file} (mode {stat.S_IMODE(mode):o}). Run: chmod 600 {file}"
        )
    try:
        line = data[:_MOST_BYTES].decode("utf-8-sig").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError as error:
        raise CitewellError(f"--auth: {file} is not UTF-8 text; expected the password in its first line") from error
    return Login(user, _read(line, file))


def _read(line: str, file: Path) -> PasswordHash:
    if line.startswith("scrypt:"):
        match = _HASH.fullmatch(line)
        numbers = [int(each) for each in match.groups()[:3]] if match is not None else [0, 0, 0]
        cost, block, lanes = numbers
        # A power of two, as scrypt wants it, and at most 256 MiB.
        if match is None or cost < 2 or cost & (cost - 1) or not block * lanes or cost * block * lanes > 2**21:
            raise CitewellError(
                f"--auth: the hash in {file} cannot be read; expected scrypt:N:R:P$SALT$HEX. "
                f"Run: python -m ui.auth {file}"
            )
        return PasswordHash(match[4], bytes.fromhex(match[5]), cost, block, lanes)
    if len(line) < LEAST_LENGTH:
        raise CitewellError(
            f"--auth: the first line of {file} has {len(line)} characters; "
            f"expected a password of {LEAST_LENGTH} or more"
        )
    return hash_of(line)


class Throttle:
    """Makes whoever guesses wait: after `free` wrong passwords 1 second, then 2, 4, ... up to `longest`.

    Args:
        free: wrong passwords that cost nothing.
        longest: seconds.
        most: addresses that are remembered; the oldest are forgotten.
        clock: seconds that never go back.
    """

    def __init__(
        self, *, free: int = 5, longest: float = 60.0, most: int = 4096, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._free = free
        self._longest = longest
        self._most = most
        self._clock = clock
        self._seen: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, address: str) -> float:
        """Seconds until this address may try again; 0 when it may now."""
        return max(0.0, self._seen.get(_network(address), (0, 0.0))[1] - self._clock())

    def failed(self, address: str) -> None:
        """Notes a wrong password."""
        name = _network(address)
        count = self._seen.get(name, (0, 0.0))[0] + 1
        delay = min(2.0 ** min(count - self._free, 30), self._longest) if count >= self._free else 0.0
        self._seen[name] = (count, self._clock() + delay)
        self._seen.move_to_end(name)
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)

    def passed(self, address: str) -> None:
        """Forgets the address's wrong passwords."""
        self._seen.pop(_network(address), None)

    def __len__(self) -> int:
        return len(self._seen)


def _network(address: str) -> str:
    """One user's addresses: of IPv6, all with the same first half.

    >>> _network("2001:db8::1:2"), _network("192.0.2.1")
    ('2001:db8::/64', '192.0.2.1')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address


class Login:
    """Who may come in.

    Passwords are compared one at a time, and only a few may wait for it: guessing is slow for everybody together, and
    takes no more than one core. Whoever has shown the right one is known again without that.

    Args:
        user: the name.
        password: the hash of the password.
        throttle: makes an address that guesses wait.
    """

    MOST_WAITING = 8

    def __init__(self, user: str, password: PasswordHash, *, throttle: Throttle | None = None) -> None:
        self.user = user
        self._password = password
        self._throttle = Throttle() if throttle is None else throttle
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._turn: asyncio.Lock | None = None
        self._waiting = 0

    async def refusal(self, header: bytes | None, address: str) -> tuple[int, float] | None:
        """Why not, as an HTTP status (401: say who you are; 429: wait) and the seconds to wait; None: come in.

        Args:
            header: the request's Authorization.
            address: where it comes from.
        """
        if header is None:
            return 401, 0.0
        digest = hmac.digest(self._key, header, "sha256")
        if any([hmac.compare_digest(digest, known) for known in self._known]):  # noqa: C419 - each is compared
            return None
        wait = self._throttle.wait(address)
        if wait > 0:
            return 429, wait
        given = _basic(header)
        if given is None:
            return 401, 0.0
        if self._waiting >= self.MOST_WAITING:
            return 429, 1.0
        self._turn = self._turn or asyncio.Lock()
        self._waiting += 1
        try:
            async with self._turn:
                wait = self._throttle.wait(address)  # others of this address may have failed meanwhile
                if wait > 0:
                    return 429, wait
                right = await asyncio.to_thread(self._is_right, *given)
        finally:
            self._waiting -= 1
        if not right:
            self._throttle.failed(address)
            return 401, 0.0
        self._throttle.passed(address)
        self._known[digest] = None
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return None

    def _is_right(self, user: str, password: str) -> bool:
        # Both are compared whatever the first says: the time tells nothing.
        known = hmac.compare_digest(user.encode("utf-8", "replace"), self.user.encode("utf-8", "replace"))
        return self._password.matches(password) and known


def _basic(header: bytes) -> tuple[str, str] | None:
    scheme, _, rest = header.partition(b" ")
    if scheme.lower() != b"basic" or len(rest) > _MOST_BYTES:
        return None
    try:
        user, colon, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None


def main() -> None:
    """Asks for a password twice and writes its hash to the file that is named."""
    import getpass
    import sys

    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m ui.auth FILE")
    password = getpass.getpass("Password: ")
    if len(password) < LEAST_LENGTH:
        raise SystemExit(f"expected {LEAST_LENGTH} characters or more, found {len(password)}")
    if getpass.getpass("Again: ") != password:
        raise SystemExit("the two are not the same")
    file = Path(sys.argv[1]).expanduser()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)  # of a file that was there before
        opened.write(f"{hash_of(password)}\n")


if __name__ == "__main__":
    main()
