-- What each trader may risk, the switches that stop entries, and what was recorded about both. A user without a
-- row has no limits and no lock. Amounts are rupees; a limit that is null does not limit.
create table risk_profiles (
    user_id           uuid primary key references users (id),
    daily_loss        numeric(14, 2) check (daily_loss > 0),
    weekly_loss       numeric(14, 2) check (weekly_loss > 0),
    position_size     numeric(14, 2) check (position_size > 0),
    symbol_exposure   numeric(14, 2) check (symbol_exposure > 0),
    orders_per_minute integer check (orders_per_minute > 0),
    open_strategies   integer check (open_strategies > 0),
    square_off        boolean not null default false,
    killed_at         timestamptz,
    killed_by         varchar(255),
    kill_reason       text,
    verified_flat_at  timestamptz,
    flat_ms           bigint,
    foreign_positions jsonb not null default '[]',
    check ((killed_at is null) = (killed_by is null))
);

-- The operator's switch, for everybody: it is on while there is a row.
create table deployment_lock (
    only_row  boolean primary key default true check (only_row),
    locked_at timestamptz not null,
    locked_by varchar(255) not null,
    reason    text
);

create table risk_events (
    event_id    bigint generated always as identity primary key,
    user_id     uuid not null references users (id),
    strategy_id uuid,
    trading_day date,
    at          timestamptz not null,
    kind        varchar(30) not null,
    used        numeric,
    allowed     numeric,
    text        text not null,
    period      date, -- the day or the Monday of what is recorded once in a day or a week
    foreign key (strategy_id, user_id) references strategies (strategy_id, user_id)
);
create unique index risk_events_once on risk_events (user_id, kind, period) where period is not null;
create index risk_events_user on risk_events (user_id, event_id);

-- What a cycle has brought so far: of the quantity that was bought and sold again, and what its orders cost. Kept with
-- the fills, so that a day's result is a sum.
alter table cycles
    add column realised numeric(14, 2) not null default 0,
    add column charges  numeric(14, 2) not null default 0;

create index cycles_user on cycles (user_id, trading_day);
create index order_intents_user on order_intents (user_id, created_at);

do $$
declare t text;
begin
    foreach t in array array['risk_profiles', 'risk_events'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant on %I to app_role using (user_id = app_user_id()) '
                       'with check (user_id = app_user_id())', t);
        execute format('create policy system on %I to system_role using (true) with check (true)', t);
    end loop;
end $$;

grant select, insert, update on risk_profiles to app_role;
grant select, insert on risk_events to app_role;
grant select on deployment_lock to app_role;
grant select, insert (user_id, verified_flat_at, flat_ms, foreign_positions),
    update (verified_flat_at, flat_ms, foreign_positions) on risk_profiles to system_role;
grant select, insert on risk_events to system_role;
grant select, insert, delete on deployment_lock to system_role;
grant insert on outbox to system_role;
-- A loss limit that converge finds reached, and the operator's switch, are audited too.
grant execute on function audit_append(text) to system_role;

-- A cycle as far as limits and results need it.
create function risk_cycle(c cycles) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'strategy_id', c.strategy_id, 'user_id', c.user_id, 'trading_day', c.trading_day, 'state', c.state,
        'exchange', c.exchange, 'symbol', c.symbol, 'product', c.product, 'stop_loss', c.stop_loss,
        'quantity', c.quantity, 'closed_outside', c.closed_outside,
        'intents', coalesce((
            select jsonb_agg(jsonb_build_object(
                'leg', i.leg, 'attempt', i.attempt, 'tag', i.tag, 'side', i.side, 'quantity', i.quantity,
                'state', i.state, 'filled', i.filled, 'average_price', i.average_price) order by i.created_at)
            from order_intents i where i.strategy_id = c.strategy_id and i.trading_day = c.trading_day), '[]'))
$$;

create function is_unsettled(c cycles) returns boolean language sql stable as $$
    select c.state in ('entering', 'long', 'exiting')
        or exists (select from order_intents i where i.strategy_id = c.strategy_id and i.trading_day = c.trading_day
                   and i.state in ('pending', 'accepted', 'unknown'))
$$;

-- A user's profile, locks, and what is in use, today's cycle of `own_strategy` left out. The week's results
-- are there when a loss limit needs them or `with_results` asks.
create function risk_usage(who uuid, asked_at timestamptz, today date, own_strategy uuid, own_tag text,
                           with_results boolean) returns jsonb language sql stable as $$
    with profile as (select * from risk_profiles where user_id = who)
    select jsonb_build_object(
        'profile', (select to_jsonb(p) from profile p),
        'deployment', (select to_jsonb(d) from deployment_lock d),
        'orders', (
            select count(*) from order_intents i
            where i.user_id = who and i.created_at > asked_at - interval '1 day' and i.tag is distinct from own_tag
                -- A process that stood still sends what it wrote long before: what is not answered may leave at any moment.
                and (i.state = 'pending' or greatest(i.created_at, i.sent_at) > asked_at - interval '60 s')
                -- no order: what was held back or withdrawn before it was sent, or sent over the broker's own rate limit
                and i.state <> 'throttled' and not (i.state = 'refused' and i.sent_at is null)),
        'open', coalesce((
            select jsonb_agg(risk_cycle(c)) from cycles c
            where c.user_id = who and is_unsettled(c)
                and (c.strategy_id, c.trading_day) is distinct from (own_strategy, today)), '[]'),
        'booked', case
            when with_results or exists (select from profile p where p.daily_loss is not null or p.weekly_loss is not null)
            then coalesce((
                select jsonb_agg(d) from (
                    select c.trading_day, sum(c.realised) as realised, sum(c.charges) as charges from cycles c
                    where c.user_id = who and c.trading_day between date_trunc('week', today)::date and today
                    group by c.trading_day) d), '[]')
            else '[]' end)
$$;

-- The same for an entry about to be written down, in its user's turn, in one round trip. The function is
-- volatile, so each of its statements sees what was committed before it began (PostgreSQL documentation, "Function
-- Volatility Categories"): whoever waited for the lock sees the entry that he waited for.
create function entry_risk(who uuid, asked_at timestamptz, today date, own_strategy uuid, own_tag text)
    returns jsonb language plpgsql volatile as $$
begin
    -- No row is locked: the kill switches are stored in rows that no entry keeps from anybody.
    perform pg_advisory_xact_lock(3003, hashtext(who::text));
    -- What is left is to compare and to commit. A worker that stops in between does not keep its user's turn: it is
    -- over well before those who wait give up (lock_timeout).
    perform set_config('idle_in_transaction_session_timeout', '2s', true);
    return risk_usage(who, asked_at, today, own_strategy, own_tag, false);
end $$;
