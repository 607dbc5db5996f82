-- Where users want their notices, what they have read, and each notice's way to each channel. All of it stands beside the
-- outbox: whoever writes or delivers there waits for no lock of these tables, and they refer to it by no foreign key,
-- whose checks would lock its rows.

create table notification_wishes (
    user_id uuid not null references users (id),
    kind    varchar(50) not null,
    channel varchar(10) not null check (channel in ('email', 'webhook', 'telegram')),
    is_on   boolean not null,
    primary key (user_id, kind, channel)
);

create table notification_channels (
    user_id       uuid not null references users (id),
    channel       varchar(10) not null check (channel in ('webhook', 'telegram')),
    target        varchar(500) not null,
    sealed_secret text,
    code_hash     bytea check (octet_length(code_hash) = 32),
    code_at       timestamptz,
    created_at    timestamptz not null,
    confirmed_at  timestamptz,
    primary key (user_id, channel),
    check ((channel = 'webhook') = (sealed_secret is not null))
);

create table inbox_reads (
    notice_id bigint primary key,
    user_id   uuid not null references users (id),
    read_at   timestamptz not null
);

create table deliveries (
    notice_id    bigint not null,
    channel      varchar(10) not null check (channel in ('email', 'webhook', 'telegram')),
    user_id      uuid not null references users (id),
    created_at   timestamptz not null,
    attempts     integer not null default 0,
    next_try_at  timestamptz,
    delivered_at timestamptz,
    given_up_at  timestamptz,
    last_error   text,
    primary key (notice_id, channel),
    check (delivered_at is null or given_up_at is null)
);
create index deliveries_waiting on deliveries (user_id, channel, notice_id)
    where delivered_at is null and given_up_at is null;
create index deliveries_user on deliveries (user_id, notice_id);

-- One summary a day and user, whoever asks for it twice.
create table daily_summaries (
    user_id     uuid not null references users (id),
    trading_day date not null,
    primary key (user_id, trading_day)
);

-- The inbox reads a user's notices, newest first.
create index outbox_user on outbox (user_id, notice_id);

do $$
declare t text;
begin
    foreach t in array array['notification_wishes', 'notification_channels', 'inbox_reads', 'deliveries',
                             'daily_summaries'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant on %I to app_role using (user_id = app_user_id()) '
                       'with check (user_id = app_user_id())', t);
        execute format('create policy system on %I to system_role using (true) with check (true)', t);
    end loop;
end $$;

grant select, insert, delete on notification_wishes to app_role;
grant select, insert, delete on notification_channels to app_role;
grant update (code_hash, code_at, confirmed_at) on notification_channels to app_role;
grant select, insert on inbox_reads, deliveries to app_role;
grant update (attempts, next_try_at, delivered_at, given_up_at, last_error) on deliveries to app_role;
grant select, insert on daily_summaries to system_role;
