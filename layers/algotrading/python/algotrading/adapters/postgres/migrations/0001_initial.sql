-- Tenancy: functions connect as app_role (row-level security applies, tenant = app.user_id set per
-- transaction); converge, the watcher and the instrument loader connect as system_role.
-- The roles exist before this runs (adapters.postgres.migrate creates them).

create function app_user_id() returns uuid language sql stable as
    $$ select nullif(current_setting('app.user_id', true), '')::uuid $$;

create table users (
    id            uuid primary key,
    email         varchar(255) not null,
    password_hash text not null,
    created_at    timestamptz not null
);
create unique index users_email on users (lower(email));

create table broker_keys (
    user_id        uuid primary key references users (id),
    broker         varchar(20) not null,
    api_key        text not null,
    secret_key     text not null,
    access_token   text,
    broker_user_id varchar(50),
    status         varchar(20) not null check (status in ('login_required', 'connected')),
    token_at       timestamptz,
    updated_at     timestamptz not null
);

create table instruments (
    exchange         varchar(10) not null,
    tradingsymbol    varchar(60) not null,
    instrument_token bigint not null,
    name             varchar(120) not null,
    segment          varchar(20) not null,
    instrument_type  varchar(10) not null,
    tick_size        numeric(12, 4) not null,
    lot_size         integer not null check (lot_size > 0),
    has_derivatives  boolean not null,
    primary key (exchange, tradingsymbol)
);
create index instruments_name on instruments (upper(name) text_pattern_ops);
create index instruments_symbol on instruments (tradingsymbol text_pattern_ops);

create table strategies (
    strategy_id uuid primary key,
    user_id     uuid not null references users (id),
    exchange    varchar(10) not null,
    symbol      varchar(60) not null,
    product     varchar(10) not null,
    buy_time    time(0) not null,
    sell_time   time(0) not null,
    stop_loss   numeric(14, 4) not null check (stop_loss > 0),
    quantity    integer not null check (quantity > 0),
    status      varchar(20) not null check (status in ('created', 'running', 'stopped')),
    stop_reason text,
    version     integer not null,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    deleted_at  timestamptz,
    check (buy_time < sell_time),
    -- Target of the foreign keys below: what hangs on a strategy belongs to the strategy's owner.
    unique (strategy_id, user_id)
);
create index strategies_user on strategies (user_id) where deleted_at is null;
create index strategies_running on strategies (user_id, exchange, symbol) where status = 'running' and deleted_at is null;

create table cycles (
    strategy_id uuid not null,
    trading_day date not null,
    user_id     uuid not null,
    epoch       integer not null,
    state       varchar(10) not null check (state in ('idle', 'entering', 'long', 'exiting', 'flat', 'failed')),
    exchange    varchar(10) not null,
    symbol      varchar(60) not null,
    product     varchar(10) not null,
    buy_time    time(0) not null,
    sell_time   time(0) not null,
    stop_loss   numeric(14, 4) not null,
    quantity    integer not null,
    claim       varchar(20),
    wanted      varchar(20),
    closed_outside integer not null default 0,
    absent_reads   integer not null default 0,
    note        text,
    updated_at  timestamptz not null,
    primary key (strategy_id, trading_day),
    foreign key (strategy_id, user_id) references strategies (strategy_id, user_id)
);
create index cycles_unfinished on cycles (trading_day) where state in ('entering', 'long', 'exiting');

create table order_intents (
    strategy_id     uuid not null,
    trading_day     date not null,
    leg             varchar(5) not null check (leg in ('entry', 'exit')),
    attempt         integer not null check (attempt > 0),
    user_id         uuid not null,
    tag             varchar(20) not null unique,
    side            varchar(4) not null check (side in ('BUY', 'SELL')),
    quantity        integer not null check (quantity > 0),
    state           varchar(10) not null
        check (state in ('pending', 'accepted', 'refused', 'unknown', 'throttled', 'not_placed', 'done')),
    created_at      timestamptz not null,
    due_at          timestamptz not null,
    cause_at        timestamptz,
    sent_at         timestamptz,
    answered_at     timestamptz,
    broker_order_id varchar(50),
    broker_status   varchar(20),
    message         text,
    filled          integer not null default 0,
    average_price   numeric not null default 0,
    clean_reads     integer not null default 0,
    cancels         integer not null default 0,
    cancel_asked_at timestamptz,
    primary key (strategy_id, trading_day, leg, attempt),
    foreign key (strategy_id, trading_day) references cycles (strategy_id, trading_day),
    foreign key (strategy_id, user_id) references strategies (strategy_id, user_id)
);
create index order_intents_open on order_intents (trading_day) where state in ('pending', 'accepted', 'unknown');

create table trades (
    user_id         uuid not null,
    exchange        varchar(10) not null,
    trade_id        varchar(50) not null,
    broker_order_id varchar(50) not null,
    strategy_id     uuid not null,
    trading_day     date not null,
    tag             varchar(20) not null references order_intents (tag),
    quantity        integer not null check (quantity > 0),
    price           numeric(14, 4) not null,
    filled_at       timestamptz,
    primary key (user_id, exchange, trade_id, broker_order_id),
    foreign key (strategy_id, user_id) references strategies (strategy_id, user_id)
);
create index trades_strategy on trades (strategy_id, trading_day);

create table order_logs (
    order_id          uuid primary key,
    strategy_id       uuid not null,
    user_id           uuid not null,
    order_type        varchar(10) not null check (order_type in ('BUY', 'SELL', 'SL')),
    timestamp         timestamptz not null,
    raw_response      jsonb not null,
    tag               varchar(20) not null,
    broker_order_id   varchar(50),
    outcome           varchar(30) not null,
    execution_time_ms numeric(12, 3) not null,
    foreign key (strategy_id, user_id) references strategies (strategy_id, user_id)
);
create index order_logs_strategy on order_logs (strategy_id, timestamp);

create table outbox (
    notice_id    bigint generated always as identity primary key,
    user_id      uuid not null references users (id),
    strategy_id  uuid,
    kind         varchar(50) not null,
    text         text not null,
    created_at   timestamptz not null,
    delivered_at timestamptz,
    foreign key (strategy_id, user_id) references strategies (strategy_id, user_id)
);
create index outbox_pending on outbox (notice_id) where delivered_at is null;

create table audit_log (
    audit_id    bigint generated always as identity primary key,
    user_id     uuid not null,
    strategy_id uuid not null,
    trading_day date not null,
    epoch       integer not null,
    at          timestamptz not null,
    event       jsonb not null,
    state       varchar(10) not null,
    effects     jsonb not null,
    foreign key (strategy_id, user_id) references strategies (strategy_id, user_id)
);
create index audit_log_strategy on audit_log (strategy_id, audit_id);

-- Row-level security for both login roles; only the owner, who runs migrations, stands outside it.
do $$
declare t text;
begin
    foreach t in array array['broker_keys', 'strategies', 'cycles', 'order_intents', 'trades', 'order_logs',
                             'outbox', 'audit_log'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant on %I to app_role using (user_id = app_user_id()) '
                       'with check (user_id = app_user_id())', t);
        execute format('create policy system on %I to system_role using (true) with check (true)', t);
    end loop;
end $$;

alter table users enable row level security;
-- Logging in happens before a user is known: the one row of the given e-mail is visible then.
create policy tenant on users to app_role
    using (id = app_user_id() or lower(email) = nullif(current_setting('app.login_email', true), ''))
    with check (id = app_user_id());
create policy system on users to system_role using (true) with check (true);

grant usage on schema public to app_role, system_role;
grant select, insert on users to app_role;
-- For the row lock under which a user's strategies start one after the other (SELECT ... FOR NO KEY UPDATE).
grant update (password_hash) on users to app_role;
grant select, insert, update, delete on broker_keys to app_role;
grant select, insert, update on strategies, cycles, order_intents to app_role;
grant select, insert on trades, order_logs, outbox, audit_log to app_role;
grant select on instruments to app_role;
grant select on users, broker_keys, strategies, cycles, order_intents, trades, order_logs, audit_log to system_role;
grant select, update on outbox to system_role;
grant select, insert, update, delete on instruments to system_role;
grant usage on all sequences in schema public to app_role;
