-- Accounts that were asked for and are not opened yet. An account is a row of `users` once somebody has followed the link
-- that was mailed to its address, and knows the password that was chosen: before, there is none, and nobody logs in to it.
-- Users of before this file stay as they are: they log in as ever, their addresses confirmed or not.

create table registrations (
    user_id       uuid primary key,
    email         varchar(255) not null,
    password_hash text not null,
    -- Of every mail that was sent: a mail may be sent twice, and its links are good alike.
    token_hashes  bytea[] not null default '{}',
    created_at    timestamptz not null,
    expires_at    timestamptz not null
);
create index registrations_by_age on registrations (expires_at);

alter table registrations enable row level security;
create policy tenant on registrations to app_role using (user_id = app_user_id()) with check (user_id = app_user_id());
create policy system on registrations to system_role using (true) with check (true);

grant select, insert, delete on registrations to app_role;
grant update (token_hashes) on registrations to app_role;

-- Nobody comes back for one that is over, so whoever sends the next mail takes all of them away. Of one that is not over
-- nobody does, whatever moment is named.
create function forget_registrations(until timestamptz) returns void
    language sql security definer set search_path = public, pg_temp as $$
    delete from registrations where expires_at <= least(until, now())
$$;
revoke execute on function forget_registrations(timestamptz) from public;
grant execute on function forget_registrations(timestamptz) to app_role;

-- An account that is deleted takes its address along, which others may have asked for before it was opened: each of those
-- is a tenant of its own. Only of the address of the transaction's tenant.
create function forget_registrations_of_my_address() returns void
    language sql security definer set search_path = public, pg_temp as $$
    delete from registrations r using users u where u.id = app_user_id() and lower(r.email) = lower(u.email)
$$;
revoke execute on function forget_registrations_of_my_address() from public;
grant execute on function forget_registrations_of_my_address() to app_role;
