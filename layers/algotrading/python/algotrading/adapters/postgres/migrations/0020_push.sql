-- Phones that take pushes, each bound to the login on it. What the push service knows a phone by is kept sealed, and as a
-- hash, by which it is found again: nobody reads it from here.

create table push_devices (
    device_id     uuid primary key,
    user_id       uuid not null,
    token_hash    bytea not null unique check (octet_length(token_hash) = 32),
    sealed_token  text not null,
    registered_at timestamptz not null,
    foreign key (device_id, user_id) references logins (device_id, user_id) on delete cascade
);
create index push_devices_user on push_devices (user_id);

alter table push_devices enable row level security;
create policy tenant on push_devices to app_role using (user_id = app_user_id()) with check (user_id = app_user_id());
create policy system on push_devices to system_role using (true) with check (true);

grant select, insert, delete on push_devices to app_role;

-- A phone shows the notices of whoever logged in on it last: a login of before that nobody ended, of another user even,
-- gives it up. Only who has the token knows its hash.
create function free_push_token(hash bytea) returns void
    language sql security definer set search_path = public, pg_temp as $$
    delete from push_devices where token_hash = hash;
$$;
revoke all on function free_push_token(bytea) from public;
grant execute on function free_push_token(bytea) to app_role;

alter table notification_wishes drop constraint notification_wishes_channel_check;
alter table notification_wishes add constraint notification_wishes_channel_check
    check (channel in ('email', 'webhook', 'telegram', 'push'));
alter table deliveries drop constraint deliveries_channel_check;
alter table deliveries add constraint deliveries_channel_check
    check (channel in ('email', 'webhook', 'telegram', 'push'));
