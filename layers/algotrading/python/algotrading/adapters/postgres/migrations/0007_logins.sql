-- Logins on devices, kept going by refresh tokens of which only hashes are stored. A used token stays for a while: one that
-- comes again was copied, and ends its login.

create table logins (
    device_id  uuid primary key,
    user_id    uuid not null references users (id),
    name       varchar(80) not null,
    created_at timestamptz not null,
    used_at    timestamptz not null,
    expires_at timestamptz not null,
    ended_at   timestamptz,
    end_reason varchar(20) check (end_reason in ('logged_out', 'revoked', 'reused')),
    check ((ended_at is null) = (end_reason is null)),
    unique (device_id, user_id)
);
create index logins_user on logins (user_id) where ended_at is null;

create table refresh_tokens (
    token_hash bytea primary key check (octet_length(token_hash) = 32),
    device_id  uuid not null,
    user_id    uuid not null,
    created_at timestamptz not null,
    used_at    timestamptz,
    foreign key (device_id, user_id) references logins (device_id, user_id) on delete cascade
);
create index refresh_tokens_device on refresh_tokens (device_id);

do $$
declare t text;
begin
    foreach t in array array['logins', 'refresh_tokens'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant on %I to app_role using (user_id = app_user_id()) '
                       'with check (user_id = app_user_id())', t);
        execute format('create policy system on %I to system_role using (true) with check (true)', t);
    end loop;
end $$;

grant select, insert on logins to app_role;
grant update (used_at, ended_at, end_reason) on logins to app_role;
grant select, insert, delete on refresh_tokens to app_role;
grant update (used_at) on refresh_tokens to app_role;
