"""Every table with a user's rows is under row-level security: asked of the database's catalogue, not of a list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from algotrading.adapters.postgres.migrate import ROLES
from tests.stores import PostgresStore

SHARED = {
    "instruments": "the exchange's list, the same for everybody",
    "deployment_lock": "the operator's kill switch, which concerns everybody",
    "schema_migrations": "the schema's own history",
}
"""Tables without a user's rows, each with its reason. A new table is a tenant's until it is named here."""

KEYS = {"app_user_id()", "app.login_email", "app.postback_id"}
"""What may open a row to the functions' role: the tenant, the e-mail of a login, the address of a postback."""

BYPASSES = {
    "audit_append": "takes the chain's next place; writes for the tenant of the transaction only",
    "forget_registrations": "forgets what is over of everybody; of what is not, nothing",
    "forget_what_is_over": "the system's alone: forgets what is over of everybody, and tells how many rows it was",
    "forget_registrations_of_my_address": "forgets what was asked for with the address of the tenant only",
    "is_known_device": "says of a login's identifier, which its device has, whether it is of an e-mail's account",
    "spend_sms_code": "counts everybody's codes, tells none of them, and writes for the tenant of the transaction only",
    "forget_sms_codes": "lets go of the codes of the tenant of the transaction only, once that account is deleted",
    "free_push_token": "takes a phone from the login of before, by a hash that only who has its token knows",
    "claim_egress": "finds a pair of addresses that nobody holds; gives it to the tenant of the transaction only",
    "free_egress": "takes its pair of addresses from the tenant of the transaction only; for the system role alone",
    "erase_notices": "erases what was said to the tenant of the transaction only, once that account is deleted",
}
"""Functions that run with their owner's rights, each with its reason."""


@pytest.fixture
def catalogue(postgres_module_store: PostgresStore) -> Iterator[psycopg.Connection[Any]]:
    """The owner's view, in a transaction that is undone."""
    with postgres_module_store.owner() as connection, connection.transaction(force_rollback=True):
        yield connection


def faults(connection: psycopg.Connection[Any]) -> list[str]:
    """What of the schema would let one tenant meet another's rows; empty when nothing would."""
    found = []
    for name, is_secured in connection.execute(
        "select relname, relrowsecurity from pg_class where relnamespace = 'public'::regnamespace"
        " and relkind in ('r', 'p') order by relname"
    ).fetchall():
        if name in SHARED:
            continue
        if not is_secured:
            found.append(f"{name}: row-level security is off")
        found += [f"{name}: {fault}" for fault in _policy_faults(connection, name)]
    return found


def _policy_faults(connection: psycopg.Connection[Any], table: str) -> Iterator[str]:
    policies = connection.execute(
        "select policyname, cmd, roles::text[], qual, with_check from pg_policies"
        " where schemaname = 'public' and tablename = %s",
        (table,),
    ).fetchall()
    for_functions = [policy for policy in policies if "system_role" not in policy[2]]
    if not any(roles == ["app_role"] and cmd in {"ALL", "SELECT"} for _, cmd, roles, _, _ in for_functions):
        yield "no policy for app_role"
    for name, _, roles, reads, writes in for_functions:
        if "public" in roles:
            yield f"policy {name} is for everybody"
        for condition in (reads, writes):
            if condition is not None and not any(key in condition for key in KEYS):
                yield f"policy {name} names no tenant: {condition}"
        if writes is not None and "app_user_id()" not in writes:
            yield f"policy {name} lets rows be written under another key than the tenant: {writes}"


def test_every_tenant_table_has_its_policies(catalogue: psycopg.Connection[Any]) -> None:
    assert faults(catalogue) == []


def test_every_shared_table_is_there_and_names_no_user(catalogue: psycopg.Connection[Any]) -> None:
    owned = {
        table
        for (table,) in catalogue.execute(
            "select table_name from information_schema.columns where table_schema = 'public'"
            " and column_name = 'user_id'"
        ).fetchall()
    }
    tables = {name for (name,) in catalogue.execute("select tablename from pg_tables where schemaname = 'public'")}

    assert set(SHARED) <= tables
    assert not owned & set(SHARED)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("create table notes (user_id uuid, text text)", "notes: row-level security is off"),
        (
            "create table notes (text text); alter table notes enable row level security",
            "notes: no policy for app_role",
        ),
        ("alter table strategies disable row level security", "strategies: row-level security is off"),
        ("drop policy tenant on outbox", "outbox: no policy for app_role"),
        ("create policy wide on trades to app_role using (true)", "trades: policy wide names no tenant: true"),
        ("create policy open on cycles using (user_id = app_user_id())", "cycles: policy open is for everybody"),
        (
            "create policy loose on users for insert to app_role"
            " with check (email = current_setting('app.login_email', true))",
            "users: policy loose lets rows be written under another key than the tenant",
        ),
    ],
)
def test_a_table_without_its_policy_is_found(catalogue: psycopg.Connection[Any], change: str, fault: str) -> None:
    catalogue.execute(change.encode())

    assert any(found.startswith(fault) for found in faults(catalogue)), faults(catalogue)


def test_login_roles_own_nothing_and_stand_above_nothing(catalogue: psycopg.Connection[Any]) -> None:
    # A table's owner is not held to its policies, nor is a role with BYPASSRLS, nor a member of such a role.
    owned = catalogue.execute(
        "select relname from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname = any(%s)", (list(ROLES),)
    ).fetchall()
    powers = catalogue.execute(
        "select rolname from pg_roles where rolname = any(%s) and (rolsuper or rolbypassrls or rolcreaterole)",
        (list(ROLES),),
    ).fetchall()
    memberships = catalogue.execute(
        "select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = any(%s)",
        (list(ROLES),),
    ).fetchall()

    assert (owned, powers, memberships) == ([], [], [])


def test_no_view_and_only_known_functions_read_with_their_owners_rights(catalogue: psycopg.Connection[Any]) -> None:
    views = catalogue.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm')"
        " and not coalesce(reloptions @> '{security_invoker=true}', false)"
    ).fetchall()
    functions = catalogue.execute(
        "select p.proname, p.proconfig from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef"
        " and exists (select from unnest(%s::text[]) r where has_function_privilege(r, p.oid, 'execute'))"
        " and p.prorettype <> 'trigger'::regtype",
        (list(ROLES),),
    ).fetchall()

    assert views == []
    assert {name for name, _ in functions} == set(BYPASSES)
    for name, settings in functions:
        assert any(re.match(r"search_path=", setting) for setting in settings or ()), f"{name} has no search_path"
