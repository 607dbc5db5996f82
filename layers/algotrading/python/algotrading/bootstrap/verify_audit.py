"""`python -m algotrading.bootstrap.verify_audit` verifies every audit chain of a database.

The database is that of the environment's DATABASE_* variables, under the role of their secret (system_role
sees every chain; another is refused), or of a file of such variables. The exit code is 0 when every chain holds, 1 when
one does not, 2 when the database could not be read, or not all of it, or the heads could not be kept.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from psycopg import Error as PostgresError
from pydantic import TypeAdapter

from algotrading.adapters.clock import SystemClock
from algotrading.adapters.emf_meter import EmfMeter
from algotrading.adapters.postgres.audit_trail import PostgresAuditTrail
from algotrading.bootstrap import parts
from algotrading.contracts.operator import KeptHeads, keep_heads, known_heads
from algotrading.domain.audit import AuditHead
from algotrading.domain.audit_chain import ChainBreak
from algotrading.domain.errors import AlgotradingError
from algotrading.services.audit_verify import AuditVerifier
from algotrading.settings import DatabaseSettings, SettingsInvalid

BROKEN = 1
UNREADABLE = 2
_KEPT_HEADS: TypeAdapter[KeptHeads] = TypeAdapter(KeptHeads)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify, tell, and answer the exit code."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    try:
        if options.environment is not None:
            os.environ.update(_variables(options.environment))
        with closing(parts.database(DatabaseSettings.load())) as database:
            verifier = AuditVerifier(PostgresAuditTrail(database), EmfMeter(stream=sys.stderr), SystemClock())
            verified = verifier.run(_tell, known=_read_heads(options.heads))
    except (AlgotradingError, SettingsInvalid, PostgresError, BotoCoreError, ClientError, OSError, ValueError) as fault:
        sys.stderr.write(f"the audit trail could not be verified: {fault}\n")
        return UNREADABLE
    seconds = time.monotonic() - began
    counted = f"{verified.chains} chains, {verified.records} records, {seconds:.1f} s"
    if not verified.is_sound:
        sys.stdout.write(f"BROKEN: {verified.breaks} breaks in {counted}\n")
        return BROKEN
    sys.stdout.write(f"every chain holds: {counted}\n")
    if options.heads is None:
        return 0
    try:
        _write_heads(options.heads, verified.heads)
    except OSError as fault:
        sys.stderr.write(f"the heads could not be kept: {fault}\n")
        return UNREADABLE
    return 0


def _tell(found: ChainBreak) -> None:
    sys.stdout.write(f"user {found.user_id} record {found.seq}: {found.flaw}: {found.text}\n")


def _variables(path: Path) -> dict[str, str]:
    lines = (line for line in path.read_text("utf-8").splitlines() if "=" in line)
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _read_heads(path: Path | None) -> Mapping[UUID, AuditHead]:
    if path is None or not path.exists():
        return {}
    return known_heads(_KEPT_HEADS.validate_json(path.read_bytes()))


def _write_heads(path: Path, heads: Mapping[UUID, AuditHead]) -> None:
    # Beside it and then in its place: whenever this is broken off, whole heads are there, the old or the new.
    aside = path.with_name(f".{path.name}.new")
    aside.write_bytes(_KEPT_HEADS.dump_json(keep_heads(heads), indent=1) + b"\n")
    aside.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m algotrading.bootstrap.verify_audit", description=__doc__)
    parser.add_argument("--environment", type=Path, help="read the variables from this file of NAME=VALUE lines")
    parser.add_argument(
        "--heads", type=Path, help="hold the chains against the heads in this file, and then keep today's in it"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
