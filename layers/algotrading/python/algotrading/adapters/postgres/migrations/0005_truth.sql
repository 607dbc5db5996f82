-- Where a broker posts order updates: an address of its own for each connection, which says nothing of its owner.
-- It stays while the connection stays, whatever keys are stored in it, and is gone with it.
alter table broker_keys add column postback_id uuid not null unique default gen_random_uuid();

-- The broker comes without a token of ours: the one connection with the given address is visible then.
create policy postback on broker_keys for select to app_role
    using (postback_id = nullif(current_setting('app.postback_id', true), '')::uuid);

-- An account's whole book at the end of a trading day: the broker keeps it until the next morning only.
create table book_snapshots (
    user_id     uuid not null references users (id),
    trading_day date not null,
    taken_at    timestamptz not null,
    orders      jsonb not null,
    trades      jsonb not null,
    positions   jsonb not null,
    primary key (user_id, trading_day)
);
alter table book_snapshots enable row level security;
create policy tenant on book_snapshots to app_role
    using (user_id = app_user_id()) with check (user_id = app_user_id());
create policy system on book_snapshots to system_role using (true) with check (true);
grant select, insert on book_snapshots to app_role;
grant select on book_snapshots to system_role;

create index cycles_user_day on cycles (user_id, trading_day);
