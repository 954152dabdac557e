"""Random names that people can read out: the alphabet of codes, policy and claim numbers."""

import secrets

# 31 characters, no I, L, O, 0, 1. Prime in number, which the check character relies on (C3).
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def random_name(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
