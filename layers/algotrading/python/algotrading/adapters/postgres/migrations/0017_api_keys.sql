-- Keys of programs, of which only hashes are stored. A key names its owner, so that it is looked for among one user's.

create table api_keys (
    key_id       uuid primary key,
    user_id      uuid not null references users (id),
    name         varchar(60) not null,
    key_hash     bytea not null unique check (octet_length(key_hash) = 32),
    scopes       text[] not null check (cardinality(scopes) > 0
                     and scopes <@ array['read', 'strategies:write', 'risk:write']),
    created_at   timestamptz not null,
    expires_at   timestamptz not null check (expires_at > created_at),
    last_used_at timestamptz
);
create index api_keys_user on api_keys (user_id);

alter table api_keys enable row level security;
create policy tenant on api_keys to app_role using (user_id = app_user_id()) with check (user_id = app_user_id());
create policy system on api_keys to system_role using (true) with check (true);

grant select, insert, delete on api_keys to app_role;
grant update (last_used_at) on api_keys to app_role;
-- The door of the staff asks how its callers stand, too; no key opens it.
grant select on api_keys to system_role;
