-- The second factor of a login: a sealed secret, the step that was used last, and hashes of recovery codes.

create table second_factors (
    user_id       uuid primary key references users (id),
    sealed_secret text not null,
    created_at    timestamptz not null,
    confirmed_at  timestamptz,
    last_step     bigint not null
);

create table recovery_codes (
    user_id   uuid not null references second_factors (user_id) on delete cascade,
    code_hash bytea not null check (octet_length(code_hash) = 32),
    primary key (user_id, code_hash)
);

do $$
declare t text;
begin
    foreach t in array array['second_factors', 'recovery_codes'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant on %I to app_role using (user_id = app_user_id()) '
                       'with check (user_id = app_user_id())', t);
        execute format('create policy system on %I to system_role using (true) with check (true)', t);
    end loop;
end $$;

grant select, insert, delete on second_factors, recovery_codes to app_role;
grant update (confirmed_at, last_step) on second_factors to app_role;
