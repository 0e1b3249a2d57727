#!/usr/bin/env python3
"""Checks an exported ledger without tollgate: nothing but Python's standard library.

    tollgate ledger export > ledger.jsonl
    python3 verify_ledger.py ledger.jsonl seal.txt 'acme/pay/2026+1f0c...+AbCd...'

The tree is that of RFC 6962, the seal a signed note (C2SP), its signature Ed25519 (RFC 8032).
Exit 0: the first records of the file are those that were sealed, and the key signed. Exit 1: they are not.
"""

import base64
import hashlib
import sys


def root(leaves):
    """Merkle root over the lines: perfect subtrees are joined as soon as two of one size stand side by side."""
    subtrees = []  # (number of leaves, hash), largest first
    for leaf in leaves:
        node = (1, hashlib.sha256(b"\x00" + leaf).digest())
        while subtrees and subtrees[-1][0] == node[0]:
            size, left = subtrees.pop()
            node = (size * 2, hashlib.sha256(b"\x01" + left + node[1]).digest())
        subtrees.append(node)
    if not subtrees:
        return hashlib.sha256(b"").digest()
    right = subtrees.pop()[1]
    while subtrees:
        right = hashlib.sha256(b"\x01" + subtrees.pop()[1] + right).digest()
    return right


# Ed25519: points of the curve as (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def plus(a, b):
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    k, l = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, l - k, l + k, n + m
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(number, point):
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = plus(total, point)
        point, number = plus(point, point), number >> 1
    return total


def point(data):
    """The point that 32 bytes name; None when they name none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed(public, text, signature):
    key, commitment = point(public), point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or len(signature) != 64 or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + text).digest(), "little") % ORDER
    left, right = times(scalar, BASE), plus(commitment, times(challenge, key))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


def seal_is_signed(text, lines, key):
    name, number, blob = key.split("+", 2)
    blob = base64.b64decode(blob, validate=True)
    identity = hashlib.sha256(name.encode() + b"\n" + blob).digest()[:4]
    if blob[:1] != b"\x01" or identity.hex() != number:
        sys.exit("this is no key of a seal")
    found = False
    for line in lines.splitlines():
        dash, signer, data = line.split(" ")
        data = base64.b64decode(data, validate=True)
        if signer == name and data[:4] == identity:
            found = signed(blob[1:], text.encode(), data[4:])
    return found


def main(ledger, seal, key=None):
    text, _, lines = open(seal, encoding="utf-8").read().rpartition("\n\n")
    text += "\n"
    origin, size, expected = text.splitlines()
    with open(ledger, "rb") as file:
        records = file.read().split(b"\n")[:-1]
    if len(records) < int(size):
        sys.exit(f"{origin}: {size} records were sealed, {len(records)} are here")
    if base64.b64encode(root(records[: int(size)])).decode() != expected:
        sys.exit(f"{origin}: the first {size} records are not those that were sealed")
    if key is not None and not seal_is_signed(text, lines, key):
        sys.exit(f"{origin}: the seal is not signed by this key")
    checked = "its signature holds" if key else "its signature was not checked: no key was given"
    print(f"{origin}: the first {size} of {len(records)} records are as sealed, {checked}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
